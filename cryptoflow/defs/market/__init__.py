"""Assets of the market domain: identity, prices, closes, velocity."""
