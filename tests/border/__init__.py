"""Accepted at the border means buildable behind it: values of any spelling, built, and read by Python too.

    records.py    records of the provider, drawn from the contracts: good, odd and broken ones in every spelling
    reading.py    what such a record says, read by code of the tests' own
    staged.py     what the border lets in, and what a warehouse's staging shows of it

A build is dear and a record is not: many records are drawn from one Random, whose seed hypothesis draws and shows where
the test fails, and all are landed and built at once. BORDER_RECORDS says how many; the default is small.
"""
