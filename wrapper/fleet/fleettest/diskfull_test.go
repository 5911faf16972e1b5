package fleettest

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
	"github.com/basiq-go/basiq-go/wrapper/fleet"
	"github.com/basiq-go/basiq-go/wrapper/fleet/internal/programtest"
	"github.com/basiq-go/basiq-go/wrapper/fleet/shared"
	"github.com/basiq-go/basiq-go/wrapper/mirror"
)

// The file system of the SQLite database is full. The log names the reason. When there is space again, all work is done
// without a restart.
func TestFleet_DiskFull(t *testing.T) { //nolint:paralleltest // it takes minutes of real time
	if !*kills {
		t.Skip("takes two minutes; use -kills")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=3m"); err != nil {
		t.Skip("cannot mount a small file system: ", err)
	}
	ctx := context.Background()
	sandbox, err := basiqtest.Start(basiqtest.WithSpeed(20))
	require.NoError(t, err)
	t.Cleanup(func() { _ = sandbox.Close() })
	client, err := sandbox.NewClient()
	require.NoError(t, err)
	f := &fixture{T: t, sandbox: sandbox, client: client}
	f.database, err = fleet.OpenDatabase(ctx, filepath.Join(dir, "basiq.db"))
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = f.database.Close()
		require.NoError(t, syscall.Unmount(dir, 0))
	})
	for i := range 12 {
		user, err := client.Users.Create(ctx, basiq.CreateUser{Email: fmt.Sprintf("user%d@hooli.example", i)})
		require.NoError(t, err)
		_, err = client.Jobs.Wait(ctx, sandbox.Connect(user.ID, "AU00000", "gavinBelson"), basiq.WithPollInterval(100*time.Millisecond, time.Second))
		require.NoError(t, err)
		f.users = append(f.users, user.ID)
	}
	state, err := shared.Open(ctx, f.database.DB, f.database.Dialect)
	require.NoError(t, err)
	require.NoError(t, state.Migrate(ctx))
	limiter, err := state.Limiter("test", rate)
	require.NoError(t, err)
	options := []basiq.Option{basiq.WithBaseURL(sandbox.URL()), basiq.WithRateLimit(limiter), basiq.WithMiddleware(limiter.Middleware)}
	tokens, err := state.TokenSource(sandbox.APIKey(), options...)
	require.NoError(t, err)
	sharing, err := basiq.New("", append(options, basiq.WithTokenSource(tokens))...)
	require.NoError(t, err)
	log := new(programtest.Log)
	work, err := fleet.New(ctx, fleet.Config{
		Client: sharing, Database: f.database, Mirror: []mirror.Option{mirror.WithImportTime(settle)}, JobTimeout: jobTimeout,
		RefreshAge: -1, SkipUserList: true, SyncRate: 1000, Logger: slog.New(slog.NewTextHandler(log, nil)),
	})
	require.NoError(t, err)
	require.NoError(t, work.AddUsers(ctx, f.users...))
	require.NoError(t, work.Start(ctx))
	t.Cleanup(func() { require.NoError(t, work.Stop(ctx)) })
	f.until("error in the log", func() bool { return strings.Contains(log.String(), "database or disk is full") })
	require.NoError(t, syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=500m"))
	f.until("end of all jobs", func() bool {
		return f.count(`SELECT COUNT(*) FROM river_job WHERE kind = 'basiq_sync' AND state = 'completed'`) >= len(f.users) &&
			f.count(`SELECT COUNT(*) FROM river_job WHERE state NOT IN ('completed', 'cancelled', 'discarded') AND kind NOT IN ('basiq_sweep', 'basiq_catch_up')`) == 0
	})
	f.assertJobs()
	f.assertMirror()
}
