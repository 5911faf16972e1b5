// Package mirror keeps a copy of Basiq's accounts and transactions in your own database: incremental, safe under crashes
// and concurrency, and equal to what Basiq lists.
//
//	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL"))
//	...
//	store, err := mirror.OpenSQL(ctx, db, mirror.PostgreSQL)
//	...
//	err = store.Migrate(ctx)
//	...
//	m, err := mirror.New(client, store)
//	...
//	result, err := m.Sync(ctx, userID) // after a webhook, and at result.Next
//
// The package uses database/sql only and imports no driver. It supports SQLite 3.35 and PostgreSQL 12, and later versions.
// SCHEMA.md, beside this package's source, describes the tables and has queries for common questions.
//
// # Invariants
//
//  1. Snapshot: after a sync that wrote an account, its rows equal what Basiq had at one moment. The accounts are
//     listed before and after their transactions are read. If an account's lastUpdated has moved, it is read again. During
//     an import lastUpdated does not move: such an account counts as incomplete, and the next sync reads it again.
//  2. Feed: the positions of a user's changes rise by one. Replaying the changes from 0 gives the mirror.
//  3. No removal on doubt: a posted transaction is removed only if two reads, at least [WithImportTime] apart, lack it, and the
//     second read all transactions of the account. An empty list removes nothing, also no pending transaction, unless such a
//     second read is empty too. More than 10 % of an account's posted transactions are removed only with [AllowMassRemoval].
//     An account is removed if it is not listed and Basiq reports that it does not exist: at once if its connection does
//     not exist either, otherwise when a later sync finds the same.
//  4. Idempotent: a sync that finds nothing new writes nothing and sends one request.
//  5. Safe under concurrency: a sync writes only if no other sync of the user has written since it began. Otherwise it
//     starts over. No lock is held during requests to Basiq.
//  6. Erased stays erased: [Mirror.Erase] makes every sync in flight fail.
//
// The module mirrortest, beside this package's source, tests them on both databases: several processes sync the same user while
// requests and statements fail, processes are killed, and banks change, remove and import data anew.
//
// # What the copy depends on
//
// Basiq sets lastUpdated of an account before it imports the transactions of a refresh. An account is therefore read again
// by every sync until its lastUpdated is older than [WithImportTime], 5 minutes by default. This compares two clocks: the
// default allows an import of some minutes and a clock that is off by some minutes, and a shorter time risks missing
// transactions until the next full read.
//
// Basiq lists pending transactions first, then the newest posted ones. A sync reads an account until 35 days before the
// newest posted transaction that it knows ([WithWindow]). If it finds another order, it reads everything, also in later
// syncs. Once in 7 days ([WithFullRead]) it reads all transactions of an account, and so finds what Basiq changed, added or
// removed before the window or without moving lastUpdated. A new account is read whole until a read begins after the import.
//
// Transactions are never filtered by date: such a filter excludes pending transactions.
//
// # Pending transactions
//
// Every refresh deletes pending transactions and imports them anew with other IDs. A sync replaces all of them. If a pending
// transaction certainly has posted, its removal and the new row are one change of [KindSettled], and the row's pending_id is
// the old ID. A link is certain if the amounts are equal, the posting is at most 8 days later, each is the only match of the
// other, by description or at all, and the pending transaction is not listed with another ID. Otherwise
// [Change].Candidates has the possible IDs, and no link is stored.
//
// # Accounts that were linked again
//
// A user who connects to the same bank again gets new accounts, and Basiq keeps the old ones with their transactions. The mirror
// has both, as Basiq does, so that a sum over basiq_transaction counts most transactions twice. Choose by the table or view
// that a query reads what happens to the old rows:
//
//   - keep: basiq_transaction has the rows of all accounts
//   - merge: basiq_counted_transaction has each transaction once: an old account counts until the newer accounts begin
//   - drop: basiq_current_transaction leaves out the accounts that were linked again
//
// [SameAccount] recognizes an account by its number, and [WithSameAccount] changes the rule. basiq_account.superseded_by is the
// account that replaces an old one. The change feed has the changes of all accounts, so a reader of the feed looks up AccountID there.
//
// # Days and money
//
// The column day is the calendar day in the bank's time zone ([WithTimeZone]), because open banking sends midnight of that
// zone in UTC. Amounts are exact: NUMERIC in PostgreSQL, decimal text in SQLite, and an integer of minor units in both. The
// payload of each row is the JSON as Basiq sent it, except that invalid UTF-8 is replaced.
//
// # Memory
//
// A sync holds the changed rows of one account, or of 2,000 rows in several accounts, and the IDs of an account's rows. It
// does not depend on the number of users or accounts. For many users, call Sync in the goroutines of an errgroup with a limit.
//
// # Events and consents
//
// [Inbox] stores the deliveries of a webhook with the work they ask for, reads the events that no webhook delivered, and
// erases users whose last consent was revoked or has expired.
package mirror
