"""A value that the border accepts can be built: values of any spelling are built, and read by Python for comparison.

    records.py    records of the provider, drawn from the contracts: good, odd and broken ones in every spelling
    reading.py    the values of such a record, read by independent code
    staged.py     the records that the border accepts, and their rows in a warehouse's staging

A build is expensive and a record is cheap. So many records are drawn from one Random, whose seed hypothesis draws and
shows if the test fails, and all are landed and built at once. BORDER_RECORDS is their number; the default is small.
"""
