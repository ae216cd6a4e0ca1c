-- One plan for every claim, instead of one made anew each time: for an idle queue that is 0.2 ms
-- instead of 1.2, for a batch of 500 it is 1 ms in 14. With the limit unknown the planner would
-- rather sort the whole queue than read it in order, so it must not.
alter function jobs.claim(text, text, integer, integer, bigint) set plan_cache_mode = force_generic_plan;
alter function jobs.claim(text, text, integer, integer, bigint) set enable_sort = off;
alter function jobs.claim(text, text, integer, integer, bigint) set enable_bitmapscan = off;
