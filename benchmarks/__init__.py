"""`make bench`: what the site costs, beside a bare relay and the usual way to write one."""
