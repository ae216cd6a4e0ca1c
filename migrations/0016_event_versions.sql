-- The version of an event's data: an event of an earlier release may have been written in an earlier form
-- than the one that the program knows today. Those there are have the first.
alter table kernel.events add column data_version smallint not null default 1;
