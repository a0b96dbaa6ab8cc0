"""Names, records, zones, serials and reverse trees: pure values and functions, no I/O."""
