package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

const (
	// label identifies the issue. Only users with write access to the repository can set labels, so issues opened by others are
	// never updated.
	label = "upstream"
	title = "The contract lacks something that Basiq describes"
)

// tracker is the list of issues of a GitHub repository.
type tracker struct {
	api, repository, token string
}

// issue is an issue in GitHub's API.
type issue struct {
	Number      int             `json:"number"`
	Body        string          `json:"body"`
	PullRequest json.RawMessage `json:"pull_request"` // set if it is a pull request
}

// file opens an issue, or updates the open one if its body differs. It returns a description of the result.
func (t *tracker) file(ctx context.Context, body string) (string, error) {
	if t.repository == "" || t.token == "" {
		return "", errors.New("-issue requires GITHUB_REPOSITORY and GITHUB_TOKEN")
	}
	var open []issue
	if err := t.do(ctx, http.MethodGet, "?state=open&per_page=100&labels="+label, nil, &open); err != nil {
		return "", err
	}
	for _, is := range open {
		if is.PullRequest != nil {
			continue
		}
		if is.Body == body {
			return fmt.Sprintf("Issue %d is up to date.", is.Number), nil
		}
		err := t.do(ctx, http.MethodPatch, fmt.Sprintf("/%d", is.Number), map[string]any{"body": body}, nil)
		return fmt.Sprintf("Updated issue %d.", is.Number), err
	}
	var created issue
	err := t.do(ctx, http.MethodPost, "", map[string]any{"title": title, "body": body, "labels": []string{label}}, &created)
	return fmt.Sprintf("Opened issue %d.", created.Number), err
}

// do sends a request about the repository's issues.
func (t *tracker) do(ctx context.Context, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var body io.Reader = http.NoBody
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, t.api+"/repos/"+t.repository+"/issues"+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/vnd.github+json")
	req.Header.Set("Authorization", "Bearer "+t.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode > 299 {
		return fmt.Errorf("%s issues: %s", method, resp.Status)
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(out)
}
