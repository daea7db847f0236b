"""How the world is asked: one HTTP layer for all providers, then one file per provider returning frozen typed records.

    client code -> coingecko.py, coinmarketcap.py      what can be asked, and the records that come back
                   pages.py, decode.py                 paging; bytes -> records, bad rows set apart
                   http.py                             one request: leave to ask, attempts, pauses
                   accounts.py, ledger.py              what every attempt leaves behind
                   limits.py, breaker.py               may we ask now? shared by all processes through Valkey
                   transport.py                        one attempt: bytes on the wire, bounded in time and size
                   verdicts.py, retry_after.py         what an answer's status, headers and body mean
                   errors.py, providers.py, redaction.py, valkey.py

What does not belong here: tables, SQL, what a figure means, schedules.
"""
