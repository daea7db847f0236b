"""Names of chains, categories and protocols as DeFiLlama lists them, and invented ones for the rest.

What belongs here: words and magnitudes. What does not: values over time (defi.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """One chain as listed; the ids that it lacks are null in the answer."""

    gecko_id: str | None
    symbol: str | None
    cmc_id: str | None
    chain_id: int | str | None


# The largest first; names are case and space sensitive for the provider.
CHAINS: Final[dict[str, Chain]] = {
    "Ethereum": Chain(gecko_id="ethereum", symbol="ETH", cmc_id="1027", chain_id=1),
    "Solana": Chain(gecko_id="solana", symbol="SOL", cmc_id="5426", chain_id=None),
    "BSC": Chain(gecko_id="binancecoin", symbol="BNB", cmc_id="1839", chain_id=56),
    "Bitcoin": Chain(gecko_id="bitcoin", symbol="BTC", cmc_id="1", chain_id=None),
    "Tron": Chain(gecko_id="tron", symbol="TRX", cmc_id="1958", chain_id=None),
    "Base": Chain(gecko_id=None, symbol=None, cmc_id=None, chain_id=8453),
    "Arbitrum": Chain(gecko_id="arbitrum", symbol="ARB", cmc_id="11841", chain_id=42161),
    "Avalanche": Chain(gecko_id="avalanche-2", symbol="AVAX", cmc_id="5805", chain_id=43114),
    "Polygon": Chain(gecko_id="matic-network", symbol="POL", cmc_id="3890", chain_id=137),
    "OP Mainnet": Chain(gecko_id="optimism", symbol="OP", cmc_id="11840", chain_id="10"),
    "Sui": Chain(gecko_id="sui", symbol="SUI", cmc_id="20947", chain_id=None),
    "Aptos": Chain(gecko_id="aptos", symbol="APT", cmc_id="21794", chain_id=None),
    "Cardano": Chain(gecko_id="cardano", symbol="ADA", cmc_id="2010", chain_id=None),
    "Near": Chain(gecko_id="near", symbol="NEAR", cmc_id="6535", chain_id=None),
    "Gnosis": Chain(gecko_id="gnosis", symbol="GNO", cmc_id="1659", chain_id=100),
    "zkSync Era": Chain(gecko_id="zksync", symbol="ZK", cmc_id="24091", chain_id=324),
    "TON": Chain(gecko_id="the-open-network", symbol="TON", cmc_id="11419", chain_id=None),
    "Algorand": Chain(gecko_id="algorand", symbol="ALGO", cmc_id="4030", chain_id=None),
    "Tarnfell": Chain(gecko_id=None, symbol=None, cmc_id=None, chain_id=None),
    "Old Quay": Chain(gecko_id=None, symbol="OQY", cmc_id=None, chain_id=7_431),
}

CATEGORIES: Final = (
    "Dexes",
    "Yield",
    "Lending",
    "Yield Aggregator",
    "CDP",
    "Staking Pool",
    "Derivatives",
    "Options",
    "RWA",
    "Bridge",
    "Insurance",
    "Indexes",
    "Services",
    "Launchpad",
    "Payments",
    "Gaming",
    "Synthetics",
    "Prediction Market",
)

# (name, category, coingecko id of the token when the market has it, typical size in US dollars)
WELL_KNOWN_PROTOCOLS: Final[tuple[tuple[str, str, str | None, float], ...]] = (
    ("Binance CEX", "CEX", None, 1.5e11),
    ("OKX", "CEX", None, 2.6e10),
    ("Bitfinex", "CEX", None, 2.2e10),
    ("Robinhood", "CEX", None, 1.9e10),
    ("Lido", "Liquid Staking", "lido-dao", 2.6e10),
    ("AAVE V3", "Lending", "aave", 2.3e10),
    ("EigenLayer", "Restaking", None, 1.1e10),
    ("Sky Lending", "CDP", None, 5.4e9),
    ("ether.fi Stake", "Liquid Restaking", None, 6.1e9),
    ("Uniswap V3", "Dexes", "uniswap", 3.1e9),
    ("Uniswap V2", "Dexes", "uniswap", 1.2e9),
    ("Curve DEX", "Dexes", "curve-dao-token", 2.0e9),
    ("Convex Finance", "Yield", None, 1.1e9),
    ("Rocket Pool", "Liquid Staking", None, 2.2e9),
    ("Jito", "Liquid Staking", None, 2.4e9),
    ("Raydium AMM", "Dexes", None, 1.7e9),
    ("JustLend", "Lending", None, 3.6e9),
    ("PancakeSwap AMM", "Dexes", "pancakeswap-token", 1.8e9),
    ("Compound V3", "Lending", "compound-governance-token", 2.1e9),
    ("Pendle", "Yield", None, 3.9e9),
    ("Sushi", "Dexes", "sushi", 1.6e8),
    ("Jupiter Perpetual Exchange", "Derivatives", "jupiter-exchange-solana", 1.6e9),
    ("GMX V2", "Derivatives", None, 4.2e8),
    ("Ethena USDe", "Basis Trading", None, 5.5e9),
)

# fmt: off
_FIRST: Final = (
    "Amber", "Basin", "Cedar", "Drift", "Ember", "Fathom", "Garnet", "Hollow", "Isle", "Juniper", "Kelp", "Lantern",
    "Marl", "Nimbus", "Otter", "Pike", "Quill", "Reed", "Slate", "Tide", "Umber", "Vale", "Willow", "Yarrow",
)
_SECOND: Final = (
    "Swap", "Vault", "Lend", "Farm", "Pool", "Stake", "Bridge", "Perps", "Markets", "Index", "Options", "Credit",
    "Yield", "Desk", "Cover", "Pay",
)
# fmt: on


def made_up_protocol_name(number: int) -> str:
    """A name of two invented words; not unique beyond 384 numbers."""
    return f"{_FIRST[number % len(_FIRST)]} {_SECOND[number // len(_FIRST) * 5 % len(_SECOND)]}"
