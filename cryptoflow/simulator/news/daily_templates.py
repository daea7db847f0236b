"""The sentences for the daily noise: rules, deals, thefts, upgrades, flows, courts, paid announcements. All invented.

What belongs here: templates; the names in braces are those of a story's facts. What does not: choosing (wording.py).
"""

# ruff: noqa: RUF001  Typographic quotation marks are what feeds really send.

from __future__ import annotations

from typing import Final

from cryptoflow.simulator.news.kinds import Kind, kind_of_lines

DAILY_KINDS: Final[dict[str, Kind]] = {
    "regulation_eased": kind_of_lines(
        "policy",
        "Regulation, Policy",
        """
        {authority} clears framework that could help {name}
        {place} regulator approves custody rules for {name}
        Lawmakers in {place} pass crypto bill welcomed by the industry
        """,
        """
        The {authority} opens a door for digital assets.
        Rules for digital assets in {place} become clearer.
        """,
        """
        The {authority} approved a framework under which banks may hold {name}.
        A decision of the {authority} gives firms that hold {name} a clear path to a license.
        """,
        """
        The rules take effect within {level} weeks.
        "Clarity is welcome, it was overdue," said {person}, counsel at {firm}.
        """,
    ),
    "regulation_tightened": kind_of_lines(
        "policy",
        "Regulation, Policy",
        """
        {place} regulator warns of risks in {name} products
        {authority} proposes ban on {name} lending to retail
        Lawmakers in {place} delay vote on crypto bill again
        """,
        """
        The {authority} has concerns about digital assets.
        Rules for digital assets in {place} may become stricter.
        """,
        """
        The {authority} warned of risks and asked for comments on stricter treatment of {name}.
        A paper of the {authority} would restrict how {name} is offered to the public.
        """,
        """
        Answers are due within {level} weeks.
        "It would drive business abroad," said {person}, counsel at {firm}.
        """,
    ),
    "funding": kind_of_lines(
        "business",
        "Venture Capital, Deals",
        """
        {firm} raises ${amount} million to build on {name}
        {name} startup closes ${amount}M round led by {other_firm}
        {other_firm} backs {firm} in ${amount} million deal
        """,
        """
        {firm} has raised ${amount} million.
        The round was led by {other_firm}.
        """,
        """
        {firm}, which builds tools on {name}, raised ${amount} million in a round led by {other_firm}.
        """,
        """
        The money is to double the number of engineers, said {person}, its founder.
        The valuation was not disclosed.
        """,
    ),
    "hack": kind_of_lines(
        "tech",
        "Security, Hacks",
        """
        Exploit drains ${amount} million from {name} bridge
        {name} lending pool hacked for ${amount}M, team pauses contracts
        Attacker steals ${amount} million in {symbol}-linked exploit
        """,
        """
        An attacker took about ${amount} million.
        Contracts were paused after the theft.
        """,
        """
        An attacker drained about ${amount} million from a contract linked to {name}, analysts at {firm} said.
        """,
        """
        The team paused deposits and offered a bounty for the return of the funds.
        "The flaw had been there since the last upgrade," said {person} of {other_firm}.
        """,
    ),
    "upgrade": kind_of_lines(
        "tech",
        "Technology, Upgrades",
        """
        {name} developers set date for next upgrade
        {name} upgrade goes live on test network, fees to fall
        {name} completes upgrade, boosts throughput by {level}%
        """,
        """
        Developers of {name} gave an update.
        The next release of {name} takes shape.
        """,
        """
        Developers of {name} said the next upgrade runs well on its last test network.
        In a call, developers of {name} agreed on the content of the next upgrade.
        """,
        """
        It is meant to lower fees by about {level}% and to make syncing quicker.
        Node operators will have to update, {person} of {firm} said.
        """,
    ),
    "upgrade_delayed": kind_of_lines(
        "tech",
        "Technology, Upgrades",
        """
        {name} delays upgrade by {level} days after bug
        {name} upgrade postponed: flaw found in tests
        Bug forces {name} developers to halt upgrade
        """,
        """
        The next release of {name} has to wait.
        A flaw was found in time.
        """,
        """
        Developers of {name} postponed the next upgrade by {level} days after a bug was found.
        A flaw in a client of {name} delays the next upgrade.
        """,
        """
        No funds were at risk, the team said.
        "Better late than split," said {person} of {firm}.
        """,
    ),
    "inflows": kind_of_lines(
        "markets",
        "ETFs, Funds",
        """
        {name} funds see ${amount} million of inflows
        Investors add ${amount} million to {symbol} products
        {name} ETFs draw ${amount}M, best day in {level} sessions
        """,
        """
        Funds of {name} took in ${amount} million.
        Flows of the week in numbers.
        """,
        """
        Exchange-traded products of {name} took in a net ${amount} million on the day, data of {firm} show.
        """,
        """
        {other_firm} accounted for about {level}% of the sum.
        "Allocators are back," said {person}.
        """,
    ),
    "outflows": kind_of_lines(
        "markets",
        "ETFs, Funds",
        """
        {name} ETFs bleed ${amount}M in third day of outflows
        Investors pull ${amount} million from {symbol} products
        {name} funds lose ${amount} million as caution grows
        """,
        """
        Funds of {name} lost ${amount} million.
        Flows of the week in numbers.
        """,
        """
        Exchange-traded products of {name} lost a net ${amount} million on the day, data of {firm} show.
        """,
        """
        {other_firm} accounted for about {level}% of the sum.
        "Allocators cut risk, nothing more," said {person}.
        """,
    ),
    "partnership": kind_of_lines(
        "business",
        "Business, Adoption",
        """
        {firm} picks {name} for settlement pilot
        {firm} and {other_firm} team up to bring {symbol} payments to {place}
        {name} integrates with {firm} in adoption push
        """,
        """
        {firm} works with {name}.
        A pilot is to start within weeks.
        """,
        """
        {firm} will use {name} for a settlement pilot in {place}, the company said.
        """,
        """
        The pilot is to run for {level} weeks with a handful of clients.
        "We looked at six networks," said {person} of {firm}.
        """,
    ),
    "analyst_bullish": kind_of_lines(
        "markets",
        "Analysis, Markets",
        """
        {name} could gain {level}% by year-end, says {firm}
        {firm} turns bullish on {name}, lifts target by {level}%
        {name} ‘undervalued’ after pullback — {firm}
        """,
        """
        {firm} looks at {name}.
        What analysts expect of {symbol}.
        """,
        """
        Analysts at {firm} raised their view of {name}, which trades at {price}.
        """,
        """
        They point to a turnover of {volume} over the day.
        "Targets are opinions with a decimal point," said {person} of {other_firm}.
        """,
    ),
    "analyst_bearish": kind_of_lines(
        "markets",
        "Analysis, Markets",
        """
        {firm} turns bearish on {name}, cuts target by {level}%
        {name} ‘at risk of a deeper correction’ — {firm}
        {name} looks overbought, warns {firm}
        """,
        """
        {firm} looks at {name}.
        What analysts fear for {symbol}.
        """,
        """
        Analysts at {firm} lowered their view of {name}, which trades at {price}.
        """,
        """
        They point to a turnover of {volume} over the day.
        "Targets are opinions with a decimal point," said {person} of {other_firm}.
        """,
    ),
    "suit_filed": kind_of_lines(
        "policy",
        "Legal, Courts",
        """
        Investors sue {firm} over {name} losses
        {firm} faces ${amount} million lawsuit tied to {name}
        {authority} charges {firm} over {name} sales
        """,
        """
        A court in {place} has a new case.
        The case concerns holdings of {name}.
        """,
        """
        A suit filed in {place} accuses {firm} of misleading buyers of {name}.
        """,
        """
        The claim is for ${amount} million.
        {firm} rejects it, {person}, its lawyer, said.
        """,
    ),
    "suit_dismissed": kind_of_lines(
        "policy",
        "Legal, Courts",
        """
        Court in {place} dismisses suit against {name} foundation
        {authority} drops case against {firm} over {name}
        {firm} wins {name} case in {place} court
        """,
        """
        A court in {place} has spoken.
        The case concerned holdings of {name}.
        """,
        """
        A case in {place} against {firm} over its holdings of {name} is over.
        """,
        """
        The claim was for ${amount} million.
        An appeal is possible within {level} days, {person}, a lawyer, said.
        """,
    ),
    "treasury_buys": kind_of_lines(
        "business",
        "Treasuries, Business",
        """
        {firm} buys {quantity} {symbol} for its treasury
        {name} treasury company {firm} adds {quantity} coins
        """,
        """
        {firm} added to its holdings of {name}.
        """,
        """
        {firm} disclosed that it bought {quantity} {symbol} at about {price} each.
        """,
        """
        Shares of the company rose {level}% after the filing.
        "It is a policy, not a bet," said {person}, its treasurer.
        """,
    ),
    "treasury_sells": kind_of_lines(
        "business",
        "Treasuries, Business",
        """
        {firm} sells {quantity} {symbol} from its treasury
        {firm} dumps part of its {name} holdings
        """,
        """
        {firm} cut its holdings of {name}.
        """,
        """
        {firm} disclosed that it sold {quantity} {symbol} at about {price} each.
        """,
        """
        Shares of the company fell {level}% after the filing.
        "We had debts to pay," said {person}, its treasurer.
        """,
    ),
    "press_release": kind_of_lines(
        "press-releases",
        "Press Release, Sponsored",
        """
        {firm} launches presale of next-generation {symbol} ecosystem
        {name} announces groundbreaking partnership with {firm}
        {firm} unveils rewards program for {name} holders
        """,
        """
        {firm} is excited to announce a milestone.
        A leading innovator in the {name} ecosystem has news.
        """,
        """
        {place}, {firm}, a leading innovator, today announced a milestone for the {name} community.
        """,
        """
        "We are thrilled to empower users," said {person}, chief visionary of {firm}.
        This is a paid press release. It is not advice, and the publisher does not endorse the project.
        """,
    ),
}

BACKGROUND: Final = (
    "{name} has been among the more closely watched names of the simulated market this quarter.",
    "It is the second such event within {level} weeks that touches {name}.",
    "Earlier in the month {other_firm} had described interest in {symbol} as uneven.",
)
CLOSING: Final = (
    "{firm} did not reply to a request for comment by the time of publication.",
    "Volumes usually fade towards the weekend.",
    "The story is developing.",
)
UPDATE: Final = (
    "UPDATE: Adds a comment of {other_firm} and details throughout.",
    "Updated: {person} said later that the figures were being checked.",
    "CORRECTION: An earlier version misstated the name of a company.",
)
