-- The four database roles. Plain SQL: psql or any driver runs it, as a superuser
-- or as a role with CREATEROLE, as often as wanted. `portal dev`, the tests and
-- compose.yml use this very file; on a server of your own run it once, then set
-- passwords and make the database:
--
--   alter role portal_owner  password '...';
--   alter role portal_api    password '...';
--   alter role portal_worker password '...';
--   create database portal owner portal_owner;
--
--   portal_owner   owns every object, runs the migrations
--   portal_api     the API: one tenant at a time, by row-level security
--   portal_worker  the workers: every tenant
--   portal_admin   nobody logs in with it: the API takes it on with
--                  `set local role portal_admin`, on admin routes only

do $roles$
declare
    spec record;
    granted boolean;
begin
    for spec in
        select * from (values
            ('portal_owner',  'login'),
            ('portal_api',    'login'),
            ('portal_worker', 'login'),
            ('portal_admin',  'nologin')
        ) as wanted (name, login)
    loop
        if not exists (select from pg_catalog.pg_roles where rolname = spec.name) then
            begin
                execute format('create role %I %s', spec.name, spec.login);
            exception when duplicate_object or unique_violation then
                null; -- somebody else ran this file at the same moment
            end;
        end if;
        -- Only what differs, so that a role with CREATEROLE but no superuser may run this too.
        if exists (
            select from pg_catalog.pg_roles
            where rolname = spec.name
              and (rolsuper or rolbypassrls or rolcreaterole or rolreplication)
        ) then
            execute format(
                'alter role %I nosuperuser nobypassrls nocreaterole noreplication', spec.name);
        end if;
        if exists (
            select from pg_catalog.pg_roles
            where rolname = spec.name and rolcanlogin <> (spec.login = 'login')
        ) then
            execute format('alter role %I %s', spec.name, spec.login);
        end if;
    end loop;

    -- The API must ask for the rights of portal_admin, never simply have them.
    -- PostgreSQL 15 decides that by an attribute of the member, 16 and later by the grant.
    if (select rolinherit from pg_catalog.pg_roles where rolname = 'portal_api') then
        alter role portal_api noinherit;
    end if;
    if current_setting('server_version_num')::int < 160000 then
        if not pg_has_role('portal_api', 'portal_admin', 'member') then
            grant portal_admin to portal_api;
        end if;
    else
        execute $query$
            select exists (
                select from pg_catalog.pg_auth_members
                where roleid = 'portal_admin'::regrole and member = 'portal_api'::regrole
                  and set_option and not inherit_option)
        $query$ into granted;
        if not granted then
            execute 'grant portal_admin to portal_api with inherit false, set true';
        end if;
    end if;
end
$roles$;
