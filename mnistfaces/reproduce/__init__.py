"""The report again: its published figures as data, its parts as calls, and the page that shows both."""
