-- Run by compose.yml after roles.sql, when the data is new: development passwords, and the database.
alter role portal_owner  password 'portal-dev';
alter role portal_api    password 'portal-dev';
alter role portal_worker password 'portal-dev';
create database portal owner portal_owner;
