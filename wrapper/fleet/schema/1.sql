CREATE TABLE basiq_fleet_user (
	user_id TEXT PRIMARY KEY,
	sync_at BIGINT NOT NULL,
	refresh_at BIGINT NOT NULL
);
CREATE INDEX basiq_fleet_user_sync ON basiq_fleet_user (sync_at);
CREATE INDEX basiq_fleet_user_refresh ON basiq_fleet_user (refresh_at);
CREATE TABLE basiq_fleet_refresh (
	connection_id TEXT PRIMARY KEY,
	refreshed_at TEXT NOT NULL
);
