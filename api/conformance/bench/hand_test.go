package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	basiq "github.com/basiq-go/basiq-go/wrapper"
)

// hand is a carefully written client without this library: net/http with a timeout, io.ReadAll, encoding/json, and a mutex for
// the token. It has no retries, limits or redaction. It uses the types of package basiq.
type hand struct {
	http    *http.Client
	baseURL string
	apiKey  string

	mu      sync.Mutex
	token   string
	expires time.Time
}

func newHand(baseURL string, transport http.RoundTripper) *hand {
	return &hand{http: &http.Client{Transport: transport, Timeout: 30 * time.Second}, baseURL: baseURL, apiKey: apiKey}
}

// bearer returns the token, or a new one if it expires within 30 seconds.
func (h *hand) bearer(ctx context.Context) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Now().Before(h.expires) {
		return h.token, nil
	}
	form := url.Values{"scope": {"SERVER_ACCESS"}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.baseURL+"/token", strings.NewReader(form))
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Basic "+h.apiKey)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Basiq-Version", "3.0")
	var token struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"`
	}
	if err := h.send(req, &token); err != nil {
		return "", err
	}
	h.token, h.expires = token.AccessToken, time.Now().Add(time.Duration(token.ExpiresIn-30)*time.Second)
	return h.token, nil
}

// call sends a request with the token and decodes the response into value.
func (h *hand) call(ctx context.Context, method, address string, body, value any) error {
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		reader = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, address, reader)
	if err != nil {
		return err
	}
	token, err := h.bearer(ctx)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return h.send(req, value)
}

type handError struct {
	status int
	body   struct {
		CorrelationID string              `json:"correlationId"`
		Data          []basiq.ErrorDetail `json:"data"`
	}
}

func (e *handError) Error() string {
	if len(e.body.Data) == 0 {
		return fmt.Sprintf("basiq: %d", e.status)
	}
	return fmt.Sprintf("basiq: %d %s: %s", e.status, e.body.Data[0].Code, e.body.Data[0].Detail)
}

func (h *hand) send(req *http.Request, value any) error {
	resp, err := h.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		failure := &handError{status: resp.StatusCode}
		_ = json.Unmarshal(body, &failure.body)
		return failure
	}
	return json.Unmarshal(body, value)
}

type handList[T any] struct {
	Data  []T `json:"data"`
	Links struct {
		Next string `json:"next"`
	} `json:"links"`
}

func (h *hand) connection(ctx context.Context, userID, connectionID string) (*basiq.Connection, error) {
	connection := new(basiq.Connection)
	return connection, h.call(ctx, http.MethodGet, fmt.Sprintf("%s/users/%s/connections/%s", h.baseURL, userID, connectionID), nil, connection)
}

func (h *hand) connections(ctx context.Context, userID string) ([]basiq.Connection, error) {
	var list handList[basiq.Connection]
	return list.Data, h.call(ctx, http.MethodGet, fmt.Sprintf("%s/users/%s/connections", h.baseURL, userID), nil, &list)
}

// transactions calls use for each transaction, page by page.
func (h *hand) transactions(ctx context.Context, userID string, use func(*basiq.Transaction)) error {
	for next := fmt.Sprintf("%s/users/%s/transactions?limit=500", h.baseURL, userID); next != ""; {
		var page handList[basiq.Transaction]
		if err := h.call(ctx, http.MethodGet, next, nil, &page); err != nil {
			return err
		}
		for i := range page.Data {
			use(&page.Data[i])
		}
		next = page.Links.Next
	}
	return nil
}

func (h *hand) createAndWait(ctx context.Context, userID string) (*basiq.Connection, error) {
	body := map[string]any{"institution": map[string]string{"id": "AU00000"}, "loginId": "gavinBelson", "password": "hooli2016"}
	job := new(basiq.Job)
	if err := h.call(ctx, http.MethodPost, fmt.Sprintf("%s/users/%s/connections", h.baseURL, userID), body, job); err != nil {
		return nil, err
	}
	for {
		state := new(basiq.Job)
		if err := h.call(ctx, http.MethodGet, h.baseURL+"/jobs/"+job.ID, nil, state); err != nil {
			return nil, err
		}
		if state.Done() {
			id, known := state.ConnectionID()
			if !known {
				return nil, errors.New("job has no connection")
			}
			return h.connection(ctx, userID, id)
		}
		time.Sleep(time.Second)
	}
}
