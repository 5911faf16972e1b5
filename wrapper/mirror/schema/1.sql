CREATE TABLE basiq_user (
	user_id TEXT PRIMARY KEY,
	generation BIGINT NOT NULL,
	position BIGINT NOT NULL,
	feed_start BIGINT NOT NULL,
	details TEXT NOT NULL,
	erased_at INSTANT
);
CREATE TABLE basiq_connection (
	user_id TEXT NOT NULL,
	connection_id TEXT NOT NULL,
	institution_id TEXT NOT NULL,
	status TEXT NOT NULL,
	method TEXT NOT NULL,
	created_at INSTANT,
	last_used INSTANT,
	expires_at INSTANT,
	payload PAYLOAD NOT NULL,
	PRIMARY KEY (user_id, connection_id)
);
CREATE TABLE basiq_consent (
	user_id TEXT NOT NULL,
	consent_id TEXT NOT NULL,
	status TEXT NOT NULL,
	created_at INSTANT,
	expires_at INSTANT,
	payload PAYLOAD NOT NULL,
	PRIMARY KEY (user_id, consent_id)
);
CREATE TABLE basiq_account (
	user_id TEXT NOT NULL,
	account_id TEXT NOT NULL,
	connection_id TEXT NOT NULL,
	institution_id TEXT NOT NULL,
	name TEXT NOT NULL,
	account_no TEXT NOT NULL,
	class TEXT NOT NULL,
	status TEXT NOT NULL,
	ownership TEXT NOT NULL,
	currency TEXT NOT NULL,
	balance MONEY,
	balance_minor BIGINT,
	available MONEY,
	available_minor BIGINT,
	last_updated INSTANT,
	superseded_by TEXT NOT NULL,
	counted_before TEXT NOT NULL,
	settled BOOLEAN NOT NULL,
	version TEXT NOT NULL,
	seen_from TEXT NOT NULL,
	read_fully TEXT NOT NULL,
	newest TEXT NOT NULL,
	oldest TEXT NOT NULL,
	missing TEXT NOT NULL,
	missing_from TEXT NOT NULL,
	hash TEXT NOT NULL,
	payload PAYLOAD NOT NULL,
	PRIMARY KEY (user_id, account_id)
);
CREATE TABLE basiq_balance (
	user_id TEXT NOT NULL,
	account_id TEXT NOT NULL,
	day DAY NOT NULL,
	balance MONEY,
	balance_minor BIGINT,
	available MONEY,
	available_minor BIGINT,
	PRIMARY KEY (user_id, account_id, day)
);
CREATE TABLE basiq_transaction (
	user_id TEXT NOT NULL,
	transaction_id TEXT NOT NULL,
	account_id TEXT NOT NULL,
	connection_id TEXT NOT NULL,
	institution_id TEXT NOT NULL,
	status TEXT NOT NULL,
	day DAY,
	made_on DAY,
	posted_at INSTANT,
	amount MONEY,
	amount_minor BIGINT,
	currency TEXT NOT NULL,
	direction TEXT NOT NULL,
	description TEXT NOT NULL,
	class TEXT NOT NULL,
	category TEXT NOT NULL,
	merchant TEXT NOT NULL,
	pending_id TEXT NOT NULL,
	hash TEXT NOT NULL,
	payload PAYLOAD NOT NULL,
	PRIMARY KEY (user_id, transaction_id)
);
CREATE INDEX basiq_transaction_account ON basiq_transaction (user_id, account_id, posted_at);
CREATE TABLE basiq_change (
	user_id TEXT NOT NULL,
	position BIGINT NOT NULL,
	kind TEXT NOT NULL,
	account_id TEXT NOT NULL,
	transaction_id TEXT NOT NULL,
	day TEXT NOT NULL,
	pending_id TEXT NOT NULL,
	candidates TEXT NOT NULL,
	PRIMARY KEY (user_id, position)
) CLUSTERED;
CREATE TABLE basiq_deletion (
	user_id TEXT NOT NULL,
	erased_at INSTANT NOT NULL,
	reason TEXT NOT NULL,
	consent_ids TEXT NOT NULL,
	accounts BIGINT NOT NULL,
	transactions BIGINT NOT NULL,
	changes BIGINT NOT NULL,
	generation BIGINT NOT NULL,
	PRIMARY KEY (user_id, generation)
);
CREATE TABLE basiq_delivery (
	delivery_id TEXT PRIMARY KEY,
	received_at TEXT NOT NULL
);
CREATE INDEX basiq_delivery_received ON basiq_delivery (received_at);
CREATE TABLE basiq_task (
	user_id TEXT NOT NULL,
	reason TEXT NOT NULL,
	sequence BIGINT NOT NULL,
	PRIMARY KEY (user_id, reason)
);
CREATE VIEW basiq_current_transaction AS
	SELECT t.* FROM basiq_transaction t
	JOIN basiq_account a ON a.user_id = t.user_id AND a.account_id = t.account_id
	WHERE a.superseded_by = '';
CREATE VIEW basiq_counted_transaction AS
	SELECT t.* FROM basiq_transaction t
	JOIN basiq_account a ON a.user_id = t.user_id AND a.account_id = t.account_id
	WHERE a.superseded_by = '' OR t.status <> 'pending' AND (a.counted_before = '' OR t.day < CAST(NULLIF(a.counted_before, '') AS DAY));
