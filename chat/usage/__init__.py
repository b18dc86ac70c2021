"""What the ledger comes to: sums by day in a small table, and the figures that charts are drawn from."""
