package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	basiq "github.com/basiq-go/basiq-go/wrapper"
	"github.com/basiq-go/basiq-go/wrapper/basiqtest"
)

// get sends a request to the app, with cookies.
func get(app http.Handler, url string, cookies ...*http.Cookie) *http.Response {
	request := httptest.NewRequest(http.MethodGet, url, nil)
	for _, cookie := range cookies {
		request.AddCookie(cookie)
	}
	response := httptest.NewRecorder()
	app.ServeHTTP(response, request)
	return response.Result()
}

func TestHandler(t *testing.T) {
	t.Parallel()
	for login, want := range map[string]string{"gavinBelson": "Connected banks: 1\n", "bighead": "Connected banks: 0\n"} {
		t.Run(login, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				sandbox := basiqtest.New(t, basiqtest.WithRedirectURL("http://localhost:8080/connected"))
				client, err := sandbox.NewClient()
				require.NoError(t, err)
				user, err := client.Users.Create(t.Context(), basiq.CreateUser{Email: "gavin@hooli.com"})
				require.NoError(t, err)
				app := handler(client, user.ID)

				connect := get(app, "/connect")
				require.Equal(t, http.StatusSeeOther, connect.StatusCode)
				back, err := sandbox.VisitConsentPage(connect.Header.Get("Location"), "AU00000", login)
				require.NoError(t, err)

				connected, err := io.ReadAll(get(app, back.String(), connect.Cookies()...).Body)
				require.NoError(t, err)
				assert.Equal(t, want, string(connected))
				assert.Equal(t, http.StatusBadRequest, get(app, back.String()).StatusCode, "without the cookie")
			})
		})
	}
}
