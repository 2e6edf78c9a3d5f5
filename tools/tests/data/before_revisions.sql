
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

CREATE SCHEMA accounts;

CREATE SCHEMA trading;

SET default_tablespace = '';

SET default_table_access_method = heap;

CREATE TABLE accounts.accounts (
    account text NOT NULL,
    created_at timestamp with time zone NOT NULL
);

CREATE TABLE accounts.balances (
    account text NOT NULL,
    connector text NOT NULL,
    version bigint NOT NULL,
    balances jsonb NOT NULL
);

CREATE TABLE accounts.credentials (
    account text NOT NULL,
    connector text NOT NULL,
    credential_version bigint NOT NULL,
    changed_at timestamp with time zone NOT NULL
);

CREATE TABLE accounts.fences (
    name text NOT NULL COLLATE pg_catalog."C",
    token bigint NOT NULL
);

CREATE TABLE accounts.foreign_positions (
    view text NOT NULL,
    tx bigint NOT NULL,
    "position" bigint NOT NULL,
    incarnation text NOT NULL,
    sequence bigint NOT NULL
);

CREATE TABLE accounts.portfolio_history (
    at timestamp with time zone NOT NULL,
    account text NOT NULL,
    connector text NOT NULL,
    holdings jsonb NOT NULL
);

CREATE TABLE accounts.prices (
    token text NOT NULL,
    price numeric NOT NULL,
    read_at timestamp with time zone NOT NULL
);

CREATE TABLE accounts.snapshots (
    originator_id text NOT NULL COLLATE pg_catalog."C",
    originator_version bigint NOT NULL,
    topic text NOT NULL,
    state bytea NOT NULL
);

CREATE TABLE accounts.stored_events (
    originator_id text NOT NULL COLLATE pg_catalog."C",
    originator_version bigint NOT NULL,
    topic text NOT NULL,
    state bytea NOT NULL,
    notification_id bigint NOT NULL,
    tx xid8 DEFAULT pg_current_xact_id() NOT NULL,
    message_id uuid NOT NULL,
    causation_id uuid,
    correlation_id uuid,
    actor text NOT NULL,
    traceparent text,
    recorded_at timestamp with time zone NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT stored_events_originator_version_check CHECK ((originator_version > 0))
);

ALTER TABLE accounts.stored_events ALTER COLUMN notification_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME accounts.stored_events_notification_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE accounts.vault (
    account text NOT NULL,
    connector text NOT NULL,
    credential_version bigint NOT NULL,
    nonce bytea NOT NULL,
    ciphertext bytea NOT NULL,
    key_nonce bytea NOT NULL,
    wrapped_key bytea NOT NULL
);

CREATE TABLE accounts.vault_key (
    id integer NOT NULL,
    salt bytea NOT NULL,
    time_cost integer NOT NULL,
    memory_kib integer NOT NULL,
    parallelism integer NOT NULL,
    nonce bytea CONSTRAINT vault_key_nonce_not_null1 NOT NULL,
    verification bytea NOT NULL
);

CREATE TABLE accounts.view_definitions (
    name text NOT NULL COLLATE pg_catalog."C",
    fingerprint text NOT NULL,
    tables text[] NOT NULL
);

CREATE TABLE trading.credentials (
    account text NOT NULL,
    connector text NOT NULL,
    credential_version integer NOT NULL
);

CREATE TABLE trading.fences (
    name text NOT NULL COLLATE pg_catalog."C",
    token bigint NOT NULL
);

CREATE TABLE trading.foreign_positions (
    view text NOT NULL,
    tx bigint NOT NULL,
    "position" bigint NOT NULL,
    incarnation text NOT NULL,
    sequence bigint NOT NULL
);

CREATE TABLE trading.known_accounts (
    account text NOT NULL
);

CREATE TABLE trading.orders (
    order_id text NOT NULL,
    known boolean DEFAULT false NOT NULL,
    external boolean DEFAULT false NOT NULL,
    client_order_id text NOT NULL,
    account text NOT NULL,
    connector text NOT NULL,
    trading_pair text NOT NULL,
    side text NOT NULL,
    order_type text NOT NULL,
    position_action text DEFAULT 'OPEN'::text NOT NULL,
    amount numeric DEFAULT '0'::numeric NOT NULL,
    price numeric,
    exchange_order_id text,
    acknowledged boolean DEFAULT false NOT NULL,
    cancel_wanted boolean DEFAULT false NOT NULL,
    unknown text,
    closed text,
    filled_amount numeric DEFAULT '0'::numeric NOT NULL,
    filled_quote numeric DEFAULT '0'::numeric NOT NULL,
    fee_paid numeric DEFAULT '0'::numeric NOT NULL,
    fee_tokens text[] DEFAULT '{}'::text[] NOT NULL,
    error_message text,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    status text GENERATED ALWAYS AS (
CASE
    WHEN (closed IS NOT NULL) THEN closed
    WHEN (unknown IS NOT NULL) THEN 'UNKNOWN'::text
    WHEN cancel_wanted THEN 'PENDING_CANCEL'::text
    WHEN (filled_amount <> (0)::numeric) THEN 'PARTIALLY_FILLED'::text
    WHEN acknowledged THEN 'OPEN'::text
    ELSE 'SUBMITTED'::text
END) STORED
);

CREATE TABLE trading.sessions (
    account text NOT NULL,
    connector text NOT NULL,
    state text NOT NULL,
    reason text,
    credential_version integer DEFAULT 0 NOT NULL,
    holder text,
    released_at timestamp with time zone,
    first_started_at timestamp with time zone,
    reconciled_at timestamp with time zone,
    updated_at timestamp with time zone NOT NULL
);

CREATE TABLE trading.snapshots (
    originator_id text NOT NULL COLLATE pg_catalog."C",
    originator_version bigint NOT NULL,
    topic text NOT NULL,
    state bytea NOT NULL
);

CREATE TABLE trading.stored_events (
    originator_id text NOT NULL COLLATE pg_catalog."C",
    originator_version bigint NOT NULL,
    topic text NOT NULL,
    state bytea NOT NULL,
    notification_id bigint NOT NULL,
    tx xid8 DEFAULT pg_current_xact_id() NOT NULL,
    message_id uuid NOT NULL,
    causation_id uuid,
    correlation_id uuid,
    actor text NOT NULL,
    traceparent text,
    recorded_at timestamp with time zone NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT stored_events_originator_version_check CHECK ((originator_version > 0))
);

ALTER TABLE trading.stored_events ALTER COLUMN notification_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME trading.stored_events_notification_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE trading.trades (
    order_id text NOT NULL,
    exchange_trade_id text NOT NULL,
    trade_id text NOT NULL,
    exchange_order_id text,
    account text NOT NULL,
    connector text NOT NULL,
    trading_pair text NOT NULL,
    side text NOT NULL,
    order_type text NOT NULL,
    amount numeric NOT NULL,
    price numeric NOT NULL,
    fee numeric NOT NULL,
    fee_token text,
    is_maker boolean,
    "time" timestamp with time zone NOT NULL
);

CREATE TABLE trading.view_definitions (
    name text NOT NULL COLLATE pg_catalog."C",
    fingerprint text NOT NULL,
    tables text[] NOT NULL
);

INSERT INTO accounts.accounts VALUES ('master_account', '2026-11-23 13:27:23.954401+00');
INSERT INTO accounts.accounts VALUES ('second', '2026-11-23 13:28:29.693759+00');

INSERT INTO accounts.balances VALUES ('master_account', 'binance', 6, '[["BTC", "0.99999", "0.99999"], ["ETH", "10", "10"], ["USDT", "99998.9820687", "99948.9820687"]]');

INSERT INTO accounts.credentials VALUES ('master_account', 'binance', 1, '2026-11-23 13:28:30.346342+00');

INSERT INTO accounts.foreign_positions VALUES ('portfolio', 789, 20, '2026-11-23T13:27:23.251276+00:00', 20);

INSERT INTO accounts.portfolio_history VALUES ('2026-11-23 13:28:31+00', 'master_account', 'binance', '[["BTC", "1", "1", "92532.06"], ["ETH", "10", "10", "2935.08"], ["USDT", "100000", "100000", "1"]]');

INSERT INTO accounts.prices VALUES ('BTC', 92532.06, '2026-11-23 13:28:31.127633+00');
INSERT INTO accounts.prices VALUES ('ETH', 2935.08, '2026-11-23 13:28:31.127633+00');

INSERT INTO accounts.stored_events OVERRIDING SYSTEM VALUE VALUES ('accounts.account-master_account', 1, 'AccountCreated', '\x7b226163636f756e74223a226d61737465725f6163636f756e74227d', 1, '760', 'c6a6466f-0386-4046-81c2-845ff5a62201', 'a1b98239-d274-4c52-97ae-cfdcc47be382', 'a1b98239-d274-4c52-97ae-cfdcc47be382', 'system', NULL, '2026-11-23 13:27:23.954401+00', '\x83daa5f10c6a426bc8f497a9831b8d52767c3af238d75c360332d08cd479ca0f');
INSERT INTO accounts.stored_events OVERRIDING SYSTEM VALUE VALUES ('accounts.account-second', 1, 'AccountCreated', '\x7b226163636f756e74223a227365636f6e64227d', 2, '762', '3afe088e-0de9-4a72-865b-fda13da77dfc', '09e1e07c-41b6-5920-9e05-40d9114ab129', '7040506f-4bd2-4a0b-9fb3-226ce77c3e62', 'admin', '00-8e252169b47511479e87cabec23d7e66-367a5f7e05342c18-03', '2026-11-23 13:28:29.693759+00', '\x6d094a4623b5c0d181e0f4e314494230a4cad1051de6b5c1095c82d75b9a5950');
INSERT INTO accounts.stored_events OVERRIDING SYSTEM VALUE VALUES ('accounts.account-master_account', 2, 'CredentialAdded', '\x7b226163636f756e74223a226d61737465725f6163636f756e74222c22636f6e6e6563746f72223a2262696e616e6365222c2263726564656e7469616c5f76657273696f6e223a317d', 3, '764', '14eaba76-50af-49f9-860e-d6055687036f', 'ea04889e-ea04-5455-af38-c0212f88e896', 'c5b8aaed-6ca4-4cfc-aaf1-1338a4cb75ba', 'admin', '00-f2b2b98c5ba2c4483376109b92e1ddf7-1ca253700b22e725-03', '2026-11-23 13:28:30.346342+00', '\x9aba234c2038510b8ad6659cccf59166c30e59bf36bb1122eb4dd5f1541eb4d1');

INSERT INTO accounts.vault VALUES ('master_account', 'binance', 1, '\xa26905b9c238f74c4481325a', '\xb356400adae0a69a6b89c11223957cb96ab3f47d5f237cf38e8d156b6694ca8642a82c20284d06d0ad377fb0b54cad95bc6d75070a123595895d9f16483ea40ede50f79ea693906373489e172b94f56e6c6f822876503c3f104f30a387fe078317db2b0718400d43729ca846928a40eb18160cf878600a91d332ff5806d189f35b35dcde504cae04dbc947351d61e902cbbd64a6c890bccc718625a99a36494628c34329070e286e4fbc978afe0b9a54c5dbf9b293b9215a768b5d11bc25486939', '\xa6b1a748b297d7c61f01d944', '\x956d66324f2905a67343d1dda2161dd0c357aa17b75fe7041f3d1a5956346ddc1b3773a421559604342fe824165177b2');

INSERT INTO accounts.vault_key VALUES (1, '\x26e65ab6875f9010af02e91beebc3269', 3, 65536, 4, '\xc3c9fe7a1e1a64c97985004d', '\x15f78432c951cc765bf6b2d43cf1bef829ba575aaa3456939dc56bec2a6ed91e');

INSERT INTO accounts.view_definitions VALUES ('accounts', 'cad2c0839bc58d657f6653566e30afe73cbac66b49bf1f73e12edc810a012370', '{accounts}');
INSERT INTO accounts.view_definitions VALUES ('credentials', 'efb63d97a700250d0fe52588e7b92d89d7745c2bf3cd2c66c74056de71776c06', '{credentials}');

INSERT INTO trading.credentials VALUES ('master_account', 'binance', 1);

INSERT INTO trading.fences VALUES ('session.master_account.binance', 1);

INSERT INTO trading.foreign_positions VALUES ('credentials', 764, 3, '2026-11-23T13:27:23.091741+00:00', 3);

INSERT INTO trading.known_accounts VALUES ('master_account');
INSERT INTO trading.known_accounts VALUES ('second');

INSERT INTO trading.orders VALUES ('x-MG43PCSN1l0CBXG37F0ao3OleLQ77F', true, false, 'x-MG43PCSN1l0CBXG37F0ao3OleLQ77F', 'master_account', 'binance', 'BTC-USDT', 'BUY', 'MARKET', 'OPEN', 0.01000000, NULL, '1000001', true, false, NULL, 'FILLED', 0.01000000, 925.4239000000000000, 0.00001000, '{BTC}', NULL, '2026-11-23 13:28:33.39139+00', '2026-11-23 13:28:33.594788+00', DEFAULT);
INSERT INTO trading.orders VALUES ('x-MG43PCSN1quEzMgKQMXY3VbpRZb3TO', true, false, 'x-MG43PCSN1quEzMgKQMXY3VbpRZb3TO', 'master_account', 'binance', 'BTC-USDT', 'SELL', 'MARKET', 'OPEN', 0.01000000, NULL, '1000002', true, false, NULL, 'FILLED', 0.01000000, 925.3313000000000000, 0.92533130, '{USDT}', NULL, '2026-11-23 13:28:33.57615+00', '2026-11-23 13:28:33.627406+00', DEFAULT);
INSERT INTO trading.orders VALUES ('x-MG43PCSN2HODnbcPb8GP1jYjaDdIAk', true, false, 'x-MG43PCSN2HODnbcPb8GP1jYjaDdIAk', 'master_account', 'binance', 'ETH-USDT', 'BUY', 'LIMIT', 'OPEN', 0.10000000, 500.00000000, '1000004', true, false, NULL, NULL, 0, 0, 0, '{}', NULL, '2026-11-23 13:28:33.627406+00', '2026-11-23 13:28:33.644479+00', DEFAULT);
INSERT INTO trading.orders VALUES ('x-MG43PCSN55hDiN46IqJdZfhedzLHZ6', true, false, 'x-MG43PCSN55hDiN46IqJdZfhedzLHZ6', 'master_account', 'binance', 'BTC-USDT', 'BUY', 'LIMIT', 'OPEN', 0.01000000, 50000.00000000, '1000003', true, false, NULL, 'CANCELLED', 0, 0, 0, '{}', NULL, '2026-11-23 13:28:33.603363+00', '2026-11-23 13:28:35.681367+00', DEFAULT);

INSERT INTO trading.sessions VALUES ('master_account', 'binance', 'ready', NULL, 1, 'trading-1', NULL, '2026-11-23 13:28:30.848935+00', '2026-11-23 13:28:30.930908+00', '2026-11-23 13:28:30.930908+00');

INSERT INTO trading.stored_events OVERRIDING SYSTEM VALUE VALUES ('trading.session-master_account.binance', 1, 'SessionStarted', '\x7b226163636f756e74223a226d61737465725f6163636f756e74222c22636f6e6e6563746f72223a2262696e616e6365222c2263726564656e7469616c5f76657273696f6e223a312c22686f6c646572223a2274726164696e672d31227d', 1, '767', '9d089a0a-ba8e-4c1a-9a2c-fae791454400', 'e4055dfe-288b-4cc1-b9bb-fce8b47cae84', 'e4055dfe-288b-4cc1-b9bb-fce8b47cae84', 'trading', NULL, '2026-11-23 13:28:30.848935+00', '\x958a758749b360a89c06a750503d62ae1aa879d48057a1618cd8f08db254d69a');
INSERT INTO trading.stored_events OVERRIDING SYSTEM VALUE VALUES ('trading.session-master_account.binance', 2, 'BalancesReported', '\x7b226163636f756e74223a226d61737465725f6163636f756e74222c22636f6e6e6563746f72223a2262696e616e6365222c2262616c616e636573223a5b7b22746f6b656e223a22425443222c22746f74616c223a2231222c22617661696c61626c65223a2231227d2c7b22746f6b656e223a22455448222c22746f74616c223a223130222c22617661696c61626c65223a223130227d2c7b22746f6b656e223a2255534454222c22746f74616c223a22313030303030222c22617661696c61626c65223a22313030303030227d5d7d', 2, '769', 'dbf67193-470c-4a7e-8554-a922623b7971', 'ae7e929e-a652-4140-9bc0-8ae78d9db7ad', 'ae7e929e-a652-4140-9bc0-8ae78d9db7ad', 'trading', NULL, '2026-11-23 13:28:30.907629+00', '\xf6f3c70366272c356098d77d53c501de3f73e58e2f0838e8b9f66f9bd2dfaf44');
INSERT INTO trading.stored_events OVERRIDING SYSTEM VALUE VALUES ('trading.session-master_account.binance', 3, 'SessionReconciled', '\x7b226163636f756e74223a226d61737465725f6163636f756e74222c22636f6e6e6563746f72223a2262696e616e6365222c226f72646572735f636865636b6564223a302c2266696c6c735f7265636f7665726564223a302c2265787465726e616c5f6f7264657273223a307d', 3, '771', 'ecdac123-a28c-4193-9984-3878b032c892', 'b35b845f-2c71-4eab-988a-000e9b1db2ef', 'b35b845f-2c71-4eab-988a-000e9b1db2ef', 'trading', NULL, '2026-11-23 13:28:30.930908+00', '\xb632d518b7a082858efef123185ac788305c0bb37161a8c2502444134bb62282');
INSERT INTO trading.stored_events OVERRIDING SYSTEM VALUE VALUES ('trading.order-x-MG43PCSN1l0CBXG37F0ao3OleLQ77F', 1, 'OrderPlaced', '\x7b226f726465725f6964223a22782d4d4734335043534e316c304342584733374630616f334f6c654c51373746222c226163636f756e74223a226d61737465725f6163636f756e74222c22636f6e6e6563746f72223a2262696e616e6365222c2274726164696e675f70616972223a224254432d55534454222c2273696465223a22425559222c226f726465725f74797065223a224d41524b4554222c22616d6f756e74223a22302e3031222c227072696365223a6e756c6c2c227265717565737465645f616d6f756e74223a22302e3031222c227265717565737465645f7072696365223a6e756c6c2c22706f736974696f6e5f616374696f6e223a224f50454e227d', 4, '776', 'dceff7ff-ffd2-427c-9b2c-e8b0f0a00d9d', '2bfdb9a3-917f-5420-85d2-a72ede31edc7', 'b10021d2-dcfa-412d-bcb8-03fc35689517', 'admin', '00-c2f76d733360c88dc0101bbfd241381b-4640b3ecfcc40d8a-03', '2026-11-23 13:28:33.39139+00', '\x84689eb63e41e16ae040437f16674c3aae9288c5b30bc77c98622308f156a86b');
INSERT INTO trading.stored_events OVERRIDING SYSTEM VALUE VALUES ('trading.order-x-MG43PCSN1l0CBXG37F0ao3OleLQ77F', 2, 'OrderSubmitted', '\x7b226f726465725f6964223a22782d4d4734335043534e316c304342584733374630616f334f6c654c51373746222c2265786368616e67655f6f726465725f6964223a2231303030303031222c2274696d65223a22323032362d31312d32335431333a32383a33332e3431303030305a227d', 5, '777', '8dd4fb8d-116c-46a2-95da-a30696204668', 'c905a0cb-8436-4691-afaa-24054da4f51b', 'b10021d2-dcfa-412d-bcb8-03fc35689517', 'admin', '00-c2f76d733360c88dc0101bbfd241381b-4640b3ecfcc40d8a-03', '2026-11-23 13:28:33.571696+00', '\x7efe7d3d159fc91735f1d1fd1293b2534254eee88f8d6f2c6bed385781d146f7');
INSERT INTO trading.stored_events OVERRIDING SYSTEM VALUE VALUES ('trading.order-x-MG43PCSN1quEzMgKQMXY3VbpRZb3TO', 1, 'OrderPlaced', '\x7b226f726465725f6964223a22782d4d4734335043534e317175457a4d674b514d585933566270525a6233544f222c226163636f756e74223a226d61737465725f6163636f756e74222c22636f6e6e6563746f72223a2262696e616e6365222c2274726164696e675f70616972223a224254432d55534454222c2273696465223a2253454c4c222c226f726465725f74797065223a224d41524b4554222c22616d6f756e74223a22302e3031222c227072696365223a6e756c6c2c227265717565737465645f616d6f756e74223a22302e3031222c227265717565737465645f7072696365223a6e756c6c2c22706f736974696f6e5f616374696f6e223a224f50454e227d', 6, '778', '6e5c8dc5-259b-4ae1-b02d-697d7979cec7', '2ee5c660-870d-5d8e-a145-15e3120a2028', 'd52f0e3e-18fc-4225-a49c-96584e294217', 'admin', '00-a78b2db8fa525a989978616fdfabefb9-0fdfc4acfc6683ee-03', '2026-11-23 13:28:33.57615+00', '\xcbb44fc9eb673b0272af833620c3781365b90f032be9a66ba2cde83d8b4cdc4b');
INSERT INTO trading.stored_events OVERRIDING SYSTEM VALUE VALUES ('trading.session-master_account.binance', 4, 'BalancesReported', '\x7b226163636f756e74223a226d61737465725f6163636f756e74222c22636f6e6e6563746f72223a2262696e616e6365222c2262616c616e636573223a5b7b22746f6b656e223a22425443222c22746f74616c223a22312e3030393939222c22617661696c61626c65223a22312e3030393939227d2c7b22746f6b656e223a22455448222c22746f74616c223a223130222c22617661696c61626c65223a223130227d2c7b22746f6b656e223a2255534454222c22746f74616c223a2239393037342e35373631222c22617661696c61626c65223a2239393037342e35373631227d5d7d', 7, '778', 'afc6238c-c8d5-41de-862b-9df1c00b7afe', '9997e0ea-25b6-451f-b551-c58a68cfd2da', '9997e0ea-25b6-451f-b551-c58a68cfd2da', 'trading', NULL, '2026-11-23 13:28:33.57615+00', '\x0dac59d6ff93b6b92e7eb0585290b5439a2d2bf31970d80008e615aa3ca4ba1d');
INSERT INTO trading.stored_events OVERRIDING SYSTEM VALUE VALUES ('trading.order-x-MG43PCSN1l0CBXG37F0ao3OleLQ77F', 3, 'OrderFilled', '\x7b226f726465725f6964223a22782d4d4734335043534e316c304342584733374630616f334f6c654c51373746222c2274726164655f6964223a22343335323037343236383231222c2265786368616e67655f6f726465725f6964223a2231303030303031222c226163636f756e74223a226d61737465725f6163636f756e74222c22636f6e6e6563746f72223a2262696e616e6365222c2274726164696e675f70616972223a224254432d55534454222c2273696465223a22425559222c226f726465725f74797065223a224d41524b4554222c227072696365223a2239323534322e3339222c22616d6f756e74223a22302e3031222c22666565223a22302e3030303031222c226665655f746f6b656e223a22425443222c2269735f6d616b6572223a66616c73652c2274696d65223a22323032362d31312d32335431333a32383a33332e3431303030305a227d', 8, '780', '0dc86aca-11dc-49ee-bb51-8a074bd80893', '7913bdba-d04a-4b62-aeb4-405a265df892', '7913bdba-d04a-4b62-aeb4-405a265df892', 'exchange', NULL, '2026-11-23 13:28:33.594788+00', '\x3316065d787b0f83f62816f1e61bbe8b8bb7415cfed030e7a001924c8f2907f4');
INSERT INTO trading.stored_events OVERRIDING SYSTEM VALUE VALUES ('trading.order-x-MG43PCSN1l0CBXG37F0ao3OleLQ77F', 4, 'OrderCompleted', '\x7b226f726465725f6964223a22782d4d4734335043534e316c304342584733374630616f334f6c654c51373746222c2266696c6c65645f616d6f756e74223a22302e3031222c22617665726167655f7072696365223a2239323534322e3339227d', 9, '780', 'babbf5ad-2e77-4669-a941-9398fa32a1b2', '7913bdba-d04a-4b62-aeb4-405a265df892', '7913bdba-d04a-4b62-aeb4-405a265df892', 'exchange', NULL, '2026-11-23 13:28:33.594788+00', '\x4bd9d24d89983c6ac5004b48c96a60b3b7dab61429518adecc4447d40afb2774');
INSERT INTO trading.stored_events OVERRIDING SYSTEM VALUE VALUES ('trading.order-x-MG43PCSN1quEzMgKQMXY3VbpRZb3TO', 2, 'OrderSubmitted', '\x7b226f726465725f6964223a22782d4d4734335043534e317175457a4d674b514d585933566270525a6233544f222c2265786368616e67655f6f726465725f6964223a2231303030303032222c2274696d65223a22323032362d31312d32335431333a32383a33332e3538343030305a227d', 10, '781', '73cda329-21d9-46ea-97c6-fe8eaf074f81', '8164aea9-d544-4ab0-99b4-e8162d4a172d', 'd52f0e3e-18fc-4225-a49c-96584e294217', 'admin', '00-a78b2db8fa525a989978616fdfabefb9-0fdfc4acfc6683ee-03', '2026-11-23 13:28:33.603363+00', '\xa9fcbdace8e63f43ddacd7b7124d938b14c92e690ee17e9911a327dd019f51ad');
INSERT INTO trading.stored_events OVERRIDING SYSTEM VALUE VALUES ('trading.order-x-MG43PCSN55hDiN46IqJdZfhedzLHZ6', 1, 'OrderPlaced', '\x7b226f726465725f6964223a22782d4d4734335043534e35356844694e343649714a645a666865647a4c485a36222c226163636f756e74223a226d61737465725f6163636f756e74222c22636f6e6e6563746f72223a2262696e616e6365222c2274726164696e675f70616972223a224254432d55534454222c2273696465223a22425559222c226f726465725f74797065223a224c494d4954222c22616d6f756e74223a22302e3031222c227072696365223a223530303030222c227265717565737465645f616d6f756e74223a22302e3031222c227265717565737465645f7072696365223a223530303030222c22706f736974696f6e5f616374696f6e223a224f50454e227d', 11, '781', '17f30ec4-d2a4-4d6b-a063-9f63c85c90f1', 'a715b24b-c890-54b5-a49a-7f560160f890', '37bcfcba-5029-47f4-96e4-cf787220077d', 'admin', '00-91af7b0c4279d77d2e4e2e3f2e9a9db3-fed56628f08789da-03', '2026-11-23 13:28:33.603363+00', '\xf36c9a8cb1cd595b5f5c7bc2b377db969094505c36349df6be86df7669297e1f');
INSERT INTO trading.stored_events OVERRIDING SYSTEM VALUE VALUES ('trading.order-x-MG43PCSN55hDiN46IqJdZfhedzLHZ6', 2, 'OrderSubmitted', '\x7b226f726465725f6964223a22782d4d4734335043534e35356844694e343649714a645a666865647a4c485a36222c2265786368616e67655f6f726465725f6964223a2231303030303033222c2274696d65223a22323032362d31312d32335431333a32383a33332e3630383030305a227d', 12, '782', 'ec9ef781-1a99-467a-93c8-671e0546a71c', 'ca14b451-2b22-4c49-a044-a6c69f38b43a', '37bcfcba-5029-47f4-96e4-cf787220077d', 'admin', '00-91af7b0c4279d77d2e4e2e3f2e9a9db3-fed56628f08789da-03', '2026-11-23 13:28:33.622635+00', '\x4a16c10e5fd7f3edf37d1b087a5bdd5cb1ce3d83668da4d905fef2d72e44f8e8');
INSERT INTO trading.stored_events OVERRIDING SYSTEM VALUE VALUES ('trading.order-x-MG43PCSN1quEzMgKQMXY3VbpRZb3TO', 3, 'OrderFilled', '\x7b226f726465725f6964223a22782d4d4734335043534e317175457a4d674b514d585933566270525a6233544f222c2274726164655f6964223a22343335323037343237313639222c2265786368616e67655f6f726465725f6964223a2231303030303032222c226163636f756e74223a226d61737465725f6163636f756e74222c22636f6e6e6563746f72223a2262696e616e6365222c2274726164696e675f70616972223a224254432d55534454222c2273696465223a2253454c4c222c226f726465725f74797065223a224d41524b4554222c227072696365223a2239323533332e3133222c22616d6f756e74223a22302e3031222c22666565223a22302e39323533333133222c226665655f746f6b656e223a2255534454222c2269735f6d616b6572223a66616c73652c2274696d65223a22323032362d31312d32335431333a32383a33332e3538343030305a227d', 13, '783', 'ef143d3b-9cd8-4b8f-893f-c755951735c4', 'b3274805-0543-47a3-b492-654279668c6c', 'b3274805-0543-47a3-b492-654279668c6c', 'exchange', NULL, '2026-11-23 13:28:33.627406+00', '\x3af8c5f63bca410fe85a65cf6a82f0e8ed11da84f6d8d550c939a7b9271555d0');
INSERT INTO trading.stored_events OVERRIDING SYSTEM VALUE VALUES ('trading.order-x-MG43PCSN1quEzMgKQMXY3VbpRZb3TO', 4, 'OrderCompleted', '\x7b226f726465725f6964223a22782d4d4734335043534e317175457a4d674b514d585933566270525a6233544f222c2266696c6c65645f616d6f756e74223a22302e3031222c22617665726167655f7072696365223a2239323533332e3133227d', 14, '783', '1572e132-5673-45f7-95c6-800fced4ff67', 'b3274805-0543-47a3-b492-654279668c6c', 'b3274805-0543-47a3-b492-654279668c6c', 'exchange', NULL, '2026-11-23 13:28:33.627406+00', '\x610b0c10382241fbf6675d4e2ea2e10b51759ef18b7322c2ddd9f9f5dbd3dbd4');
INSERT INTO trading.stored_events OVERRIDING SYSTEM VALUE VALUES ('trading.order-x-MG43PCSN2HODnbcPb8GP1jYjaDdIAk', 1, 'OrderPlaced', '\x7b226f726465725f6964223a22782d4d4734335043534e32484f446e62635062384750316a596a61446449416b222c226163636f756e74223a226d61737465725f6163636f756e74222c22636f6e6e6563746f72223a2262696e616e6365222c2274726164696e675f70616972223a224554482d55534454222c2273696465223a22425559222c226f726465725f74797065223a224c494d4954222c22616d6f756e74223a22302e31222c227072696365223a22353030222c227265717565737465645f616d6f756e74223a22302e31222c227265717565737465645f7072696365223a22353030222c22706f736974696f6e5f616374696f6e223a224f50454e227d', 15, '783', '0bc35038-4f90-4c80-9a05-31c8c93f91ec', '58ef30b9-adcf-57bc-83b7-a676569e3904', 'abd352cc-c308-4738-9678-ea3063312efc', 'admin', '00-3ebf9ca16b3a17aca223ee84702f5643-40f5c918536f65c5-03', '2026-11-23 13:28:33.627406+00', '\xd54eb365dc2dae03d2e44cee34ea7921d45f0f38add94604abee6a37cb537e94');
INSERT INTO trading.stored_events OVERRIDING SYSTEM VALUE VALUES ('trading.order-x-MG43PCSN2HODnbcPb8GP1jYjaDdIAk', 2, 'OrderSubmitted', '\x7b226f726465725f6964223a22782d4d4734335043534e32484f446e62635062384750316a596a61446449416b222c2265786368616e67655f6f726465725f6964223a2231303030303034222c2274696d65223a22323032362d31312d32335431333a32383a33332e3633343030305a227d', 16, '784', 'bcd0a305-814a-4c25-8654-f59422e7fe59', 'cfbe6d5f-32fe-4da3-8e64-8c4b3a208e5b', 'abd352cc-c308-4738-9678-ea3063312efc', 'admin', '00-3ebf9ca16b3a17aca223ee84702f5643-40f5c918536f65c5-03', '2026-11-23 13:28:33.644479+00', '\x398898fc3120f7f04d8e72c941bb5f5203f168d23002d5abb6c447e7df0cdb68');
INSERT INTO trading.stored_events OVERRIDING SYSTEM VALUE VALUES ('trading.session-master_account.binance', 5, 'BalancesReported', '\x7b226163636f756e74223a226d61737465725f6163636f756e74222c22636f6e6e6563746f72223a2262696e616e6365222c2262616c616e636573223a5b7b22746f6b656e223a22425443222c22746f74616c223a22302e3939393939222c22617661696c61626c65223a22302e3939393939227d2c7b22746f6b656e223a22455448222c22746f74616c223a223130222c22617661696c61626c65223a223130227d2c7b22746f6b656e223a2255534454222c22746f74616c223a2239393939382e39383230363837222c22617661696c61626c65223a2239393434382e39383230363837227d5d7d', 17, '785', '1eafccfc-e255-443b-ad27-e3d8e7c62648', '1889e14d-2edd-4722-a283-f04c573f5bf3', '1889e14d-2edd-4722-a283-f04c573f5bf3', 'trading', NULL, '2026-11-23 13:28:34.584156+00', '\x11bcc0794d0b1711fa8c66e05e8ab21e0318ec608f78446441fca73feebb0fdc');
INSERT INTO trading.stored_events OVERRIDING SYSTEM VALUE VALUES ('trading.order-x-MG43PCSN55hDiN46IqJdZfhedzLHZ6', 3, 'OrderCancelRequested', '\x7b226f726465725f6964223a22782d4d4734335043534e35356844694e343649714a645a666865647a4c485a36227d', 18, '787', 'f7ea3871-b763-4b81-b825-ca5ce6bb6bd3', '93d756e4-c6f9-557f-bfe4-1e16eab82c5c', 'e114afb0-4004-41c8-aa15-ec12568778e2', 'admin', '00-0d7045813fb015c02ad996e62d15cfd6-c200c02c61cc202a-03', '2026-11-23 13:28:35.66231+00', '\x22b2ba9809dc98bf734c5fb8ce7daa58e080290208a2f7b115fba8d2925c6ca6');
INSERT INTO trading.stored_events OVERRIDING SYSTEM VALUE VALUES ('trading.order-x-MG43PCSN55hDiN46IqJdZfhedzLHZ6', 4, 'OrderCancelled', '\x7b226f726465725f6964223a22782d4d4734335043534e35356844694e343649714a645a666865647a4c485a36222c22726561736f6e223a2263616e63656c6c6564222c2274696d65223a22323032362d31312d32335431333a32383a33352e3637333233385a227d', 19, '788', 'e4dde0dc-4b6e-449a-920d-a3ff8c206944', 'c9c7e48c-7ede-4934-a942-94ca8037cf05', 'e114afb0-4004-41c8-aa15-ec12568778e2', 'admin', '00-0d7045813fb015c02ad996e62d15cfd6-c200c02c61cc202a-03', '2026-11-23 13:28:35.681367+00', '\x525603f7de4cc0b68243d0110b963b5322e25922de156ed235573eaeff28ce40');
INSERT INTO trading.stored_events OVERRIDING SYSTEM VALUE VALUES ('trading.session-master_account.binance', 6, 'BalancesReported', '\x7b226163636f756e74223a226d61737465725f6163636f756e74222c22636f6e6e6563746f72223a2262696e616e6365222c2262616c616e636573223a5b7b22746f6b656e223a22425443222c22746f74616c223a22302e3939393939222c22617661696c61626c65223a22302e3939393939227d2c7b22746f6b656e223a22455448222c22746f74616c223a223130222c22617661696c61626c65223a223130227d2c7b22746f6b656e223a2255534454222c22746f74616c223a2239393939382e39383230363837222c22617661696c61626c65223a2239393934382e39383230363837227d5d7d', 20, '789', 'eccba5d1-93d9-460f-b154-796f88a632ca', '7fa49f54-bf5d-48ab-a432-443d6b8c884f', '7fa49f54-bf5d-48ab-a432-443d6b8c884f', 'trading', NULL, '2026-11-23 13:28:35.686664+00', '\x49e3bd657aa5d43f0cbb02b84bd225fa1c76e6cd07a40fe1066341c4f8ee301f');

INSERT INTO trading.trades VALUES ('x-MG43PCSN1l0CBXG37F0ao3OleLQ77F', '435207426821', 'x-MG43PCSN1l0CBXG37F0ao3OleLQ77F_435207426821', '1000001', 'master_account', 'binance', 'BTC-USDT', 'BUY', 'MARKET', 0.01000000, 92542.39000000, 0.00001000, 'BTC', false, '2026-11-23 13:28:33.41+00');
INSERT INTO trading.trades VALUES ('x-MG43PCSN1quEzMgKQMXY3VbpRZb3TO', '435207427169', 'x-MG43PCSN1quEzMgKQMXY3VbpRZb3TO_435207427169', '1000002', 'master_account', 'binance', 'BTC-USDT', 'SELL', 'MARKET', 0.01000000, 92533.13000000, 0.92533130, 'USDT', false, '2026-11-23 13:28:33.584+00');

INSERT INTO trading.view_definitions VALUES ('orders', '59b7dab32ee994c4ac65d7049e012618b5545b7a3b3314ad52243bc2c3277109', '{orders}');
INSERT INTO trading.view_definitions VALUES ('trades', '7218755d1cc1f9f6b6d783dd5bd5806ec84027f30e33b7209755fdbf86b5a36a', '{trades}');
INSERT INTO trading.view_definitions VALUES ('sessions', 'aa77281ee708369ad046eef2ec50585d341990cb6ba5763cad8e29f9f3753bf5', '{sessions}');

SELECT pg_catalog.setval('accounts.stored_events_notification_id_seq', 3, true);

SELECT pg_catalog.setval('trading.stored_events_notification_id_seq', 20, true);

ALTER TABLE ONLY accounts.accounts
    ADD CONSTRAINT accounts_pkey PRIMARY KEY (account);

ALTER TABLE ONLY accounts.balances
    ADD CONSTRAINT balances_pkey PRIMARY KEY (account, connector);

ALTER TABLE ONLY accounts.credentials
    ADD CONSTRAINT credentials_pkey PRIMARY KEY (account, connector);

ALTER TABLE ONLY accounts.fences
    ADD CONSTRAINT fences_pkey PRIMARY KEY (name);

ALTER TABLE ONLY accounts.foreign_positions
    ADD CONSTRAINT foreign_positions_pkey PRIMARY KEY (view);

ALTER TABLE ONLY accounts.portfolio_history
    ADD CONSTRAINT portfolio_history_pkey PRIMARY KEY (at, account, connector);

ALTER TABLE ONLY accounts.prices
    ADD CONSTRAINT prices_pkey PRIMARY KEY (token);

ALTER TABLE ONLY accounts.snapshots
    ADD CONSTRAINT snapshots_pkey PRIMARY KEY (originator_id);

ALTER TABLE ONLY accounts.stored_events
    ADD CONSTRAINT stored_events_place PRIMARY KEY (originator_id, originator_version);

ALTER TABLE ONLY accounts.vault_key
    ADD CONSTRAINT vault_key_pkey PRIMARY KEY (id);

ALTER TABLE ONLY accounts.vault
    ADD CONSTRAINT vault_pkey PRIMARY KEY (account, connector);

ALTER TABLE ONLY accounts.view_definitions
    ADD CONSTRAINT view_definitions_pkey PRIMARY KEY (name);

ALTER TABLE ONLY trading.credentials
    ADD CONSTRAINT credentials_pkey PRIMARY KEY (account, connector);

ALTER TABLE ONLY trading.fences
    ADD CONSTRAINT fences_pkey PRIMARY KEY (name);

ALTER TABLE ONLY trading.foreign_positions
    ADD CONSTRAINT foreign_positions_pkey PRIMARY KEY (view);

ALTER TABLE ONLY trading.known_accounts
    ADD CONSTRAINT known_accounts_pkey PRIMARY KEY (account);

ALTER TABLE ONLY trading.orders
    ADD CONSTRAINT orders_pkey PRIMARY KEY (order_id);

ALTER TABLE ONLY trading.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (account, connector);

ALTER TABLE ONLY trading.snapshots
    ADD CONSTRAINT snapshots_pkey PRIMARY KEY (originator_id);

ALTER TABLE ONLY trading.stored_events
    ADD CONSTRAINT stored_events_place PRIMARY KEY (originator_id, originator_version);

ALTER TABLE ONLY trading.trades
    ADD CONSTRAINT trades_pkey PRIMARY KEY (order_id, exchange_trade_id);

ALTER TABLE ONLY trading.view_definitions
    ADD CONSTRAINT view_definitions_pkey PRIMARY KEY (name);

CREATE INDEX portfolio_history_account ON accounts.portfolio_history USING btree (account, connector, at);

CREATE INDEX stored_events_cause ON accounts.stored_events USING btree (causation_id);

CREATE UNIQUE INDEX stored_events_feed ON accounts.stored_events USING btree (tx, notification_id);

CREATE INDEX orders_by_account ON trading.orders USING btree (account, created_at, order_id) WHERE known;

CREATE INDEX orders_by_account_status ON trading.orders USING btree (account, status, created_at, order_id) WHERE known;

CREATE INDEX orders_by_client_order_id ON trading.orders USING btree (account, connector, client_order_id) WHERE known;

CREATE INDEX orders_by_connector ON trading.orders USING btree (connector, created_at, order_id) WHERE known;

CREATE INDEX orders_by_exchange_order_id ON trading.orders USING btree (account, connector, exchange_order_id) WHERE known;

CREATE INDEX orders_by_open ON trading.orders USING btree (order_id) WHERE (known AND (closed IS NULL));

CREATE INDEX orders_by_pair ON trading.orders USING btree (trading_pair, created_at, order_id) WHERE known;

CREATE INDEX orders_by_session ON trading.orders USING btree (account, connector, trading_pair, created_at, order_id) WHERE known;

CREATE INDEX orders_by_session_open ON trading.orders USING btree (account, connector) WHERE (known AND (closed IS NULL));

CREATE INDEX orders_by_session_time ON trading.orders USING btree (account, connector, created_at, order_id) WHERE known;

CREATE INDEX orders_by_status ON trading.orders USING btree (status, created_at, order_id) WHERE known;

CREATE INDEX orders_by_time ON trading.orders USING btree (created_at, order_id) WHERE known;

CREATE INDEX stored_events_cause ON trading.stored_events USING btree (causation_id);

CREATE UNIQUE INDEX stored_events_feed ON trading.stored_events USING btree (tx, notification_id);

CREATE INDEX trades_by_account ON trading.trades USING btree (account, "time", trade_id);

CREATE INDEX trades_by_connector ON trading.trades USING btree (connector, "time", trade_id);

CREATE INDEX trades_by_pair ON trading.trades USING btree (trading_pair, "time", trade_id);

CREATE INDEX trades_by_session ON trading.trades USING btree (account, connector, trading_pair, "time", trade_id);

CREATE INDEX trades_by_session_time ON trading.trades USING btree (account, connector, "time", trade_id);

CREATE INDEX trades_by_side ON trading.trades USING btree (side, "time", trade_id);

CREATE INDEX trades_by_time ON trading.trades USING btree ("time", trade_id);

