"""What a site owes the people who chat on it: to keep for as long as promised, to hand over, to forget."""
