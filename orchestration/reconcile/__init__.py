"""Source = lake = RAW = staging, per stream.

lake         the lake's count
counted      the tables that the count is made from
kept         the files that keep these tables from run to run
warehouse    RAW's and staging's counts
comparison   the comparison of all counts
"""
