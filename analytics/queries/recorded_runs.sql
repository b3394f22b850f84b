select count(*) as runs
from ops_runs
