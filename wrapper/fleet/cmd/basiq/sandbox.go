package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
	"github.com/basiq-go/basiq-go/wrapper/fleet"
)

// sandbox is the in-memory API that is used without an API key. Its three users connect at the start.
type sandbox struct {
	api   *basiqtest.Sandbox
	users []*basiq.User
	jobs  []string
	// visitor is a user without a consent, for the consent page.
	visitor *basiq.User
}

// testUsers are logins of the sandbox.
var testUsers = []struct {
	login   string
	options []basiqtest.ConnectOption
}{
	{"gavinBelson", nil},
	{"richard", nil},
	{"Wentworth-Smith", []basiqtest.ConnectOption{basiqtest.WithOpenBanking()}},
}

// sharesDatabase reports whether other machines can use the database.
func (s *server) sharesDatabase() bool { return strings.Contains(s.db, "://") }

// openSandbox starts a sandbox if the API key is missing. Its data is in memory, so its database is new by default too.
func (s *server) openSandbox() error {
	if !s.apiKey.IsZero() {
		return nil
	}
	if s.db == "" {
		directory, err := os.MkdirTemp("", "basiq")
		if err != nil {
			return err
		}
		s.onClose(func(context.Context) error { return os.RemoveAll(directory) })
		s.db = filepath.Join(directory, fleet.DefaultDatabase)
	}
	api, err := basiqtest.Start(basiqtest.WithAddress(s.sandboxAddress))
	if err != nil {
		return err
	}
	s.onClose(api.Shutdown)
	s.sandbox, s.apiKey, s.api = &sandbox{api: api}, basiq.NewSecret(api.APIKey()), api.URL()
	return nil
}

// connect creates the webhook and the users, who connect to a bank.
func (b *sandbox) connect(ctx context.Context, s *server, hooks net.Addr) error {
	hook, err := s.client.Webhooks.Create(ctx, basiq.CreateWebhook{
		Name: "basiq serve", URL: "http://" + hooks.String() + "/",
		SubscribedEvents: []basiq.EventTypeName{
			basiq.EventTypeNameTransactionsUpdated, basiq.EventTypeNameAccountUpdated, basiq.EventTypeNameConnectionCreated,
			basiq.EventTypeNameConnectionDeleted, basiq.EventTypeNameConnectionInvalidated, basiq.EventTypeNameConsentRevoked,
			basiq.EventTypeNameConsentExpired, basiq.EventTypeNameUserDeleted,
		},
	})
	if err != nil {
		return err
	}
	s.webhookSecret, s.config.WebhookID = hook.Secret, hook.ID
	for _, test := range testUsers {
		user, err := s.client.Users.Create(ctx, basiq.CreateUser{Email: strings.ToLower(test.login) + "@hooli.com"})
		if err != nil {
			return err
		}
		b.users = append(b.users, user)
		b.jobs = append(b.jobs, b.api.Connect(user.ID, "AU00000", test.login, test.options...))
	}
	b.visitor, err = s.client.Users.Create(ctx, basiq.CreateUser{Email: "visitor@hooli.com"})
	return err
}

// wait has the fleet wait for the jobs of the users.
func (b *sandbox) wait(ctx context.Context, f *fleet.Fleet) error {
	for i, user := range b.users {
		if err := f.WaitForJob(ctx, user.ID, b.jobs[i]); err != nil {
			return err
		}
	}
	return nil
}

// print prints how to use the sandbox.
func (b *sandbox) print(ctx context.Context, stdout io.Writer, client *basiq.Client) error {
	page, err := client.Consents.PageURL(ctx, b.visitor.ID, basiq.ConsentPage{State: basiq.NewConsentState()})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "sandbox   %s, API key %s\nconsent   %s\n          connects a fourth user: log in at Hooli as ashMann with the password hooli2024\n",
		b.api.URL(), b.api.APIKey(), page.Reveal())
	return err
}
