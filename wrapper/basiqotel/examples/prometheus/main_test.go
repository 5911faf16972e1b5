package main

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every metric and every label that the dashboard uses is served, and every served metric of the client is used.
func TestDashboard(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile("dashboard.json")
	require.NoError(t, err)
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	require.NoError(t, json.Unmarshal(file, &dashboard))
	require.NotEmpty(t, dashboard.Panels)
	metrics := regexp.MustCompile(`basiq_client_[a-z_]+`)
	labels := regexp.MustCompile(`by \(([a-z_, ]+)\)`)
	wanted, wantedLabels := map[string]bool{}, map[string]bool{}
	for _, panel := range dashboard.Panels {
		require.NotEmpty(t, panel.Targets, panel.Title)
		for _, target := range panel.Targets {
			used := metrics.FindAllString(target.Expr, -1)
			require.NotEmpty(t, used, panel.Title)
			for _, name := range used {
				wanted[name] = true
			}
			for _, by := range labels.FindAllStringSubmatch(target.Expr, -1) {
				for label := range strings.SplitSeq(by[1], ", ") {
					wantedLabels[label] = true
				}
			}
		}
	}

	ctx, cancel := context.WithCancel(t.Context())
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- serve(ctx, listener, time.Millisecond) }()
	defer func() {
		cancel()
		assert.NoError(t, <-served)
	}()
	var text string
	var have map[string]bool
	require.Eventually(t, func() bool {
		text = scrape(ctx, "http://"+listener.Addr().String()+"/metrics")
		have = map[string]bool{}
		for line := range strings.Lines(text) {
			if !strings.HasPrefix(line, "#") {
				have[metrics.FindString(line)] = true
			}
		}
		for name := range wanted {
			if !have[name] {
				return false
			}
		}
		for label := range wantedLabels {
			if !strings.Contains(text, label+`="`) {
				return false
			}
		}
		return true
	}, 2*time.Minute, 50*time.Millisecond, "the dashboard needs %v and labels %v", slices.Sorted(maps.Keys(wanted)), slices.Sorted(maps.Keys(wantedLabels)))

	parts := regexp.MustCompile(`_(bucket|sum|count)$`)
	shown := map[string]bool{}
	for name := range wanted {
		shown[parts.ReplaceAllString(name, "")] = true
	}
	for name := range have {
		if name != "" {
			assert.True(t, shown[parts.ReplaceAllString(name, "")], "no panel shows %s", name)
		}
	}
}

// scrape returns the metrics, or "" if they cannot be read.
func scrape(ctx context.Context, url string) string {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return ""
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return ""
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return ""
	}
	return string(body)
}
