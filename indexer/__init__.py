"""The program that fills a library."""
