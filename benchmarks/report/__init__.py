"""A measurement for a reader: tables on the terminal and one HTML page."""
