"""Source = lake = RAW = staging, per stream.

lake         the lake's count
counted      the tables that it is made from
kept         the files that keep them from run to run
warehouse    RAW's and staging's counts
comparison   the judgement
"""
