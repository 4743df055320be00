"""An independent witness of what the dialler did: telephone switches' own logs against the database.

Nothing here imports the product, so that no mistake can be made twice in the same way. Standard library and
asyncpg only.
"""
