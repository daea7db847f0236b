"""The sentences for what the simulated market brings: moves, the state of the day, listings, renames, difficulty.

What belongs here: templates; the names in braces are those of a story's facts. What does not: choosing (wording.py).
"""

# ruff: noqa: RUF001  Typographic quotation marks are what feeds really send.

from __future__ import annotations

from typing import Final

from cryptoflow.simulator.news.kinds import Kind, kind_of_lines

_MOVE_DETAILS = """
    Turnover over the day came to {volume}, for a market capitalization of {cap}.
    "The order books were thinner than usual and one side ran out of patience," said {person}, who trades at {firm}.
    Desks at {other_firm} spoke of positions being closed in a hurry, without a single cause.
"""

MARKET_KINDS: Final[dict[str, Kind]] = {
    "surge": kind_of_lines(
        "markets",
        "Markets, Price Action",
        """
        {name} jumps {change}% to {price} as buyers return
        {symbol} rallies {change}% in a day: what’s behind the gain
        {name} price surges past {price} on heavy volume
        Why {name} is up {change}% today
        {name} outperforms the market with a {change}% gain
        """,
        """
        The token of {name} gained {change}% in 24 hours.
        {symbol} traded at {price} after a strong day for buyers.
        """,
        """
        {name} ({symbol}) rose {change}% over the past 24 hours and changed hands at {price}.
        Buyers drove {name} {change}% higher, to {price}, in one of the stronger moves among large tokens.
        """,
        _MOVE_DETAILS,
    ),
    "slump": kind_of_lines(
        "markets",
        "Markets, Price Action",
        """
        {name} slides {change}% to {price} as sellers take over
        {symbol} tumbles {change}%: traders blame thin books
        {name} falls below support, down {change}% on the day
        Why {name} is down {change}% today
        {name} sell-off deepens: price sinks to {price}
        """,
        """
        The token of {name} lost {change}% in 24 hours.
        {symbol} traded at {price} after a weak day.
        """,
        """
        {name} ({symbol}) fell {change}% over the past 24 hours and changed hands at {price}.
        Sellers pushed {name} {change}% lower, to {price}, amid liquidations of leveraged positions.
        """,
        _MOVE_DETAILS,
    ),
    "wrap_up": kind_of_lines(
        "markets",
        "Markets, Bitcoin",
        """
        Bitcoin holds above {level}-day average near {price} as mood improves
        Crypto markets today: Bitcoin edges up {change}% to {price}
        Bitcoin steadies at {price}; traders look to the week ahead
        """,
        """
        The largest cryptocurrency is up {change}% on the day.
        A look at prices, volumes and what traders watch.
        """,
        """
        Bitcoin traded at {price}, {change}% higher than a day before, with {volume} changing hands.
        The crypto market was firm; bitcoin added {change}% and stood at {price}.
        """,
        """
        "Spot demand is what matters now," said {person} of {firm}.
        The market capitalization of bitcoin stood at {cap}.
        """,
    ),
    "wrap_down": kind_of_lines(
        "markets",
        "Markets, Bitcoin",
        """
        Bitcoin slips {change}% to {price} as caution spreads
        Crypto markets today: Bitcoin dips to {price} in quiet trade
        Bitcoin drifts lower, traders eye {price}
        """,
        """
        The largest cryptocurrency is down {change}% on the day.
        A look at prices, volumes and what traders fear.
        """,
        """
        Bitcoin traded at {price}, {change}% lower than a day before, with {volume} changing hands.
        The crypto market was soft; bitcoin lost {change}% and stood at {price}.
        """,
        """
        "Nobody wants to be early," said {person} of {firm}.
        The market capitalization of bitcoin stood at {cap}.
        """,
    ),
    "listing": kind_of_lines(
        "business",
        "Exchanges, Listings",
        """
        {name} ({symbol}) starts trading
        New token {symbol} goes live on exchanges
        """,
        """
        Trading in {name} has begun.
        """,
        """
        {name} ({symbol}) is listed: {firm} and others opened trading.
        """,
        """
        "We expect thin books for the first days," said {person} of {firm}.
        """,
    ),
    "delisting": kind_of_lines(
        "business",
        "Exchanges, Delistings",
        """
        {name} ({symbol}) is delisted as exchanges end trading
        Exchanges drop {symbol}: trading in {name} ends
        """,
        """
        Trading in {name} has ended.
        """,
        """
        Exchanges ended trading in {name} ({symbol}) after months of falling volume.
        """,
        """
        Withdrawals stay open for a while, {firm} said.
        """,
    ),
    "rename": kind_of_lines(
        "tech",
        "Tokens, Rebrand",
        """
        Rebrand: project is now called {name} ({symbol})
        {name} takes a new name and ticker {symbol}
        """,
        """
        The token {detail}.
        """,
        """
        A rebrand took effect: the token {detail}. Balances are not touched.
        """,
        """
        Data providers may need some hours until they follow, {person} of {firm} warned.
        """,
    ),
    "redenomination": kind_of_lines(
        "tech",
        "Tokens, Redenomination",
        """
        {name} redenominates its token, now {symbol}
        {symbol} token split in reverse takes effect
        """,
        """
        The token {detail}.
        """,
        """
        A redenomination took effect: the token {detail}. Market capitalization is not touched.
        """,
        """
        Charts that do not adjust will show a jump, {person} of {firm} warned.
        """,
    ),
    "difficulty_up": kind_of_lines(
        "tech",
        "Bitcoin, Mining",
        """
        Bitcoin mining difficulty climbs {change}% at block {height}
        Bitcoin difficulty rises to {difficulty}, squeezing miners
        """,
        """
        Mining became harder by {change}%.
        """,
        """
        Bitcoin’s mining difficulty rose {change}% at block {height} and now stands at {difficulty}.
        """,
        """
        "Margins shrink for everyone with old machines," said {person} of {firm}.
        """,
    ),
    "difficulty_down": kind_of_lines(
        "tech",
        "Bitcoin, Mining",
        """
        Bitcoin mining difficulty drops {change}% at block {height}
        Relief for miners as Bitcoin difficulty falls to {difficulty}
        """,
        """
        Mining became easier by {change}%.
        """,
        """
        Bitcoin’s mining difficulty fell {change}% at block {height} and now stands at {difficulty}.
        """,
        """
        "Some machines were switched off, the rest will enjoy it," said {person} of {firm}.
        """,
    ),
}
