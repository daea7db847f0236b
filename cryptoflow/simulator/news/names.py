"""Invented firms, people, authorities and places that the simulated news speaks of.

What belongs here: words. What does not: sentences (wording.py).
"""

from __future__ import annotations

from typing import Final

# fmt: off
FIRMS: Final = (
    "Halden Capital", "Brightmoor Exchange", "Kestrel Labs", "Northgate Custody", "Palisade Ventures",
    "Oakhurst Research", "Tessel Bank", "Fernwick Digital", "Lantern Street Partners", "Quarry Analytics",
    "Saltmarsh Trading", "Copperline", "Ninebark Securities", "Harrow & Finch", "Glasswing Markets", "Tidewater Data",
)
PEOPLE: Final = (
    "Ines Varga", "Tobias Renn", "Mira Okonjo-Feld", "Lucan Ashby", "Sera Lindqvist", "Daniel Morrow-Haas",
    "Priya Tannbach", "Elio Castane", "Nadia Brandvold", "Owen Tarrick", "Hana Mirelle", "Jonas Weyland-Ito",
)
REPORTERS: Final = (
    "Ada Merriweather", "Ben Hollis", "Carla Nyström", "Dev Raman", "Elsa Tornquist", "Felix Aldana", "Greta Moss",
    "Hugo Lanier", "Isla Penhallow", "Jae Corwin",
)
AUTHORITIES: Final = (
    "Lowmark Financial Authority", "Eastreach Securities Board", "Varnholm Central Bank",
    "Pellington Market Commission", "Council of Harbor States",
)
PLACES: Final = ("Lowmark", "Eastreach", "Varnholm", "Pellington", "the Harbor States")
# fmt: on
