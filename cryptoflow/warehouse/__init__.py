"""How the warehouse is kept: connections, SQL statements, migrations, identity, raw answers, records of the platform.

Every write of a table goes through a module here, in one transaction per unit of work. What does not belong here:
asking providers (sources), arithmetic (refine), schedules (defs).
"""
