-- Run by `portal dev` after deploy/postgres/roles.sql, as whoever DATABASE_URL logs in.
--
-- Lets that user act as our roles, if it is no superuser, and lets portal_owner make schemas and
-- tables in this database. What is not allowed here shows when the roles are used, with a clear line.
do $dev$
declare
    wanted text;
begin
    if not (select rolsuper from pg_catalog.pg_roles where rolname = current_user) then
        foreach wanted in array array['portal_owner', 'portal_api', 'portal_worker'] loop
            begin
                if wanted <> current_user then
                    execute format('grant %I to %I', wanted, current_user);
                end if;
            exception when insufficient_privilege then
                null;
            end;
        end loop;
    end if;
    begin
        if not has_database_privilege('portal_owner', current_database(), 'create') then
            execute format('grant create on database %I to portal_owner', current_database());
        end if;
        if not has_schema_privilege('portal_owner', 'public', 'create') then
            grant usage, create on schema public to portal_owner;
        end if;
    exception when insufficient_privilege then
        null;
    end;
end
$dev$;
