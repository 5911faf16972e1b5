CREATE TABLE basiq_shared_token (
	id TEXT PRIMARY KEY,
	revision BIGINT NOT NULL,
	token TEXT NOT NULL,
	renew_at BIGINT NOT NULL,
	usable_until BIGINT NOT NULL,
	expires_at BIGINT NOT NULL,
	lease TEXT NOT NULL,
	lease_until BIGINT NOT NULL
);
CREATE INDEX basiq_shared_token_expires_at ON basiq_shared_token (expires_at);
CREATE TABLE basiq_shared_limit (
	name TEXT PRIMARY KEY,
	next_slot BIGINT NOT NULL
);
CREATE TABLE basiq_shared_hold (
	name TEXT NOT NULL,
	operation TEXT NOT NULL,
	status BIGINT NOT NULL,
	held_until BIGINT NOT NULL,
	length BIGINT NOT NULL,
	PRIMARY KEY (name, operation)
);
