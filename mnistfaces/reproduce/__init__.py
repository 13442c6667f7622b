"""The report again: its published values as data, its parts as calls, and the page that shows both."""
