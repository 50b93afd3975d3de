"""Result rows: schema, store, merge, check, summary and export."""
