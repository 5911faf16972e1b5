package basiq_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// TestSecrets_Sandbox sends secrets to every operation of a sandbox under every fault. It checks that the logs and the formatted
// sandbox contain neither these secrets nor the sandbox's own tokens.
func TestSecrets_Sandbox(t *testing.T) {
	t.Parallel()
	withoutRaceDetector(t)
	body := fmt.Sprintf(`{"institution":{"id":"AU00000"},"loginId":%[1]q,"password":%[1]q,"securityCode":%[1]q,"secondaryLoginId":%[1]q,`+
		`"userToken":%[1]q,"mfa-response":[%[1]q],"url":"https://u:%[2]s@h.example/%[2]s?key=%[2]s","subscribedEvents":["user.created"],"name":"n","email":"a@b.example"}`,
		mark+"-secret", mark)
	for _, fault := range []string{
		"none", "400", "401", "403", "404", "409", "500", "503=service-unavailable", "429-after=1s", "429-date=1s", "502-html", "latency=1s", "hang",
		"reset-before", "reset-after", "truncate", "slow-body=1000", "garbage", "revoke-token", "revoke-all-tokens", "expire-token",
		"expire-all-tokens", "endless-job",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				logged := &record{text: map[string]*strings.Builder{}}
				debugging := &slog.HandlerOptions{Level: slog.LevelDebug}
				options := []basiqtest.Option{
					basiqtest.WithLogger(slog.New(slog.NewMultiHandler(slog.NewTextHandler(logged, debugging), slog.NewJSONHandler(logged, debugging)))),
				}
				if fault != "none" {
					option, err := basiqtest.ParseFault(fault)
					require.NoError(t, err)
					options = append(options, option)
				}
				sandbox := basiqtest.New(t, options...)
				seen := &record{text: map[string]*strings.Builder{}}
				client, err := sandbox.NewClient(basiq.WithLogger(slog.New(slog.NewTextHandler(seen, debugging))),
					basiq.WithHTTPClient(&http.Client{Transport: sandbox.HTTPClient().Transport, Timeout: 5 * time.Second}))
				require.NoError(t, err)
				user, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: "gavin@hooli.com"})
				id := userID
				if err == nil {
					id = user.ID
				}
				for _, op := range basiq.Operations() {
					path := regexp.MustCompile(`\{\w+\}`).ReplaceAllString(strings.ReplaceAll(op.Path, "{userId}", id), "x1")
					req, err := http.NewRequestWithContext(t.Context(), op.Method, sandbox.URL()+path+"?token="+mark, strings.NewReader(body))
					require.NoError(t, err)
					req.Header.Set("Content-Type", "application/json")
					resp, err := client.Raw().Client.Do(req)
					for _, node := range errorTree(err) {
						seen.add("an error", shown(node))
					}
					if err == nil {
						_, _ = io.Copy(io.Discard, resp.Body)
					}
				}
				token, err := client.Tokens.Get(t.Context(), basiq.ServerAccess())
				require.NoError(t, sandbox.Close())
				log := logged.text["a log"]
				log.WriteString(shown(sandbox))
				require.NotEmpty(t, sandbox.Requests())
				for _, request := range append(sandbox.Requests(), sandbox.RequestsOf("postConnection")...) {
					log.WriteString(shown(request) + nested(request))
				}
				assertNoSecrets(t, "the sandbox: "+fault, log.String())
				assert.NotContains(t, log.String(), sandbox.APIKey())
				if err == nil {
					assert.NotContains(t, log.String(), token.Value.Reveal())
				}
				seen.assertNoSecrets(t, fault)
			})
		})
	}
}
