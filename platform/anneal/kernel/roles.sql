-- The four roles of the database and the database itself. Run once by a superuser, with psql:
--   psql -v owner_password=... -v app_password=... -v backup_password=... -v database=anneal -f roles.sql
-- Safe to run again: it creates what is missing and sets the attributes and passwords each time.
\set ON_ERROR_STOP on

SELECT format('CREATE ROLE %I', name)
FROM unnest(ARRAY['anneal_owner', 'anneal_app', 'anneal_system', 'anneal_backup']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec

-- Owns and migrates. CREATEDB serves the tests, which clone a template; no running process logs in as it.
ALTER ROLE anneal_owner LOGIN NOSUPERUSER CREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'owner_password';
-- Web and workers. Owns nothing, so row level security always applies to it.
ALTER ROLE anneal_app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'app_password';
-- Entered by SET LOCAL ROLE only; its policies are USING (true).
ALTER ROLE anneal_system NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
-- Dumps every row, writes none.
ALTER ROLE anneal_backup LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE BYPASSRLS PASSWORD :'backup_password';
GRANT pg_read_all_data TO anneal_backup;

-- INHERIT FALSE is the whole point: with INHERIT TRUE the app would see every organization's rows.
GRANT anneal_system TO anneal_app WITH INHERIT FALSE, SET TRUE;
GRANT anneal_system TO anneal_owner WITH INHERIT FALSE, SET TRUE;

SELECT format('CREATE DATABASE %I OWNER anneal_owner ENCODING ''UTF8'' LC_COLLATE ''C.UTF-8'' LC_CTYPE ''C.UTF-8'' TEMPLATE template0', :'database')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', :'database') \gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO anneal_app, anneal_backup', :'database') \gexec
