select run_id, published_at, business_time, streams, streams_equal, uncounted_streams, failed_streams
from _publication
order by published_at desc
limit 1
