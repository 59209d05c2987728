"""How is the model explored in a browser? A page on this machine: one history, an ensemble, a comparison.

The server keeps nothing about who asks: each request carries the whole question (case, numbers, seed, run), so any
number of windows may ask at once, and a click too many is only a question more. What the page shows is made here as
HTML and SVG and can be tested without a browser; the script on the page fetches it and puts it in its place.
"""
