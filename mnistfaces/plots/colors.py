"""The colours of figures and pages, on a light ground and on a dark one: each has a name, and this is its home.

Those that meet in one figure differ in lightness too, so that they are told apart in grey and by colour-blind readers;
lines have a contrast of at least 3 against their ground (WCAG 2.2, 1.4.11), letters of at least 4.5 (1.4.3).
"""

LIGHT = {
    "paper": "#ffffff",
    "ink": "#1c1f24",
    "quiet": "#545b66",
    "line": "#d3d7de",
    "train": "#4a96c9",
    "val": "#c24a00",
    "test": "#0b2f4a",
    "vanilla": "#c24a00",
    "momentum": "#0057b8",
    "third": "#00785a",
    "fourth": "#a8457f",
    "fifth": "#8a6100",
    "sixth": "#6a3fb0",
    "seventh": "#4a96c9",
    "eighth": "#1c1f24",
    "mark": "#ffd24d",
}
"""By name: the ground, letters, quiet letters, grid lines; the three sets of images; descent paths; what is marked."""

DARK = {
    "paper": "#14171c",
    "ink": "#e8eaee",
    "quiet": "#a3abb8",
    "line": "#3a414d",
    "train": "#6a9fc4",
    "val": "#ffab57",
    "test": "#f2f6fa",
    "vanilla": "#ffab57",
    "momentum": "#6cb8ff",
    "third": "#4fd0a5",
    "fourth": "#f29ac8",
    "fifth": "#d9b44a",
    "sixth": "#b79cf2",
    "seventh": "#6a9fc4",
    "eighth": "#e8eaee",
    "mark": "#ffd24d",
}

PATHS = ("vanilla", "momentum", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
"""Of descent paths: the first two names are also what they stand for."""

PATTERNS = ("-", "--", "-.", ":")
MARKERS = "os^DvXpd"
"""With the colours in turn, so that lines are told apart without them."""
