package conformance_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// chromium returns where the browser is: where the environment's CHROMIUM says, or in the path. Without one the test is
// skipped, unless BROWSER_TESTS is "required".
func chromium(t *testing.T) string {
	t.Helper()
	names := []string{"chromium", "chromium-browser", "google-chrome"}
	if own := os.Getenv("CHROMIUM"); own != "" {
		names = []string{own}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	message := "no browser found: install chromium, or name one in CHROMIUM; looked for " + strings.Join(names, ", ")
	if os.Getenv("BROWSER_TESTS") == "required" {
		t.Fatal(message)
	}
	t.Skip(message)
	return ""
}

// startExample builds the example and runs it on a free port until the test ends. It returns where it is.
func startExample(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "consent")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./wrapper/examples/consent")
	build.Dir = filepath.Join("..", "..")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))

	run := exec.CommandContext(t.Context(), program, "-listen", "127.0.0.1:0", "-speed", "4")
	run.Env = append(os.Environ(), "BASIQ_API_KEY=")
	run.Cancel = func() error { return run.Process.Signal(os.Interrupt) }
	run.WaitDelay = 10 * time.Second
	stdout, err := run.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, run.Start())
	address := make(chan string, 1)
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			if m := regexp.MustCompile(`Open (\S+) `).FindStringSubmatch(lines.Text()); m != nil {
				address <- m[1]
			}
		}
	}()
	t.Cleanup(func() {
		_ = run.Process.Signal(os.Interrupt)
		<-read
		_ = run.Wait()
	})
	select {
	case url := <-address:
		return url
	case <-time.After(30 * time.Second):
		t.Fatal("the example does not say where it is")
		return ""
	}
}

// screen is how a browser shows pages.
type screen struct {
	name          string
	width, height int64
}

// tab is a browser that is used with the keyboard alone.
type tab struct {
	t      *testing.T
	ctx    context.Context //nolint:containedctx // So chromedp has it: the context is the browser.
	screen screen
	shots  string // where the pictures go
	axe    string // the program axe-core; "" when there is none
	step   int
}

func newTab(t *testing.T, browser string, s screen) *tab {
	t.Helper()
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(browser), chromedp.UserDataDir(t.TempDir()), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.WindowSize(int(s.width), int(s.height)),
		chromedp.WSURLReadTimeout(time.Minute),
	}
	for _, flag := range []string{
		"disable-quic", "disable-background-networking", "disable-component-update", "disable-sync", "disable-dev-shm-usage",
		"hide-scrollbars",
	} {
		options = append(options, chromedp.Flag(flag, true))
	}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &tab{t: t, ctx: ctx, screen: s, shots: t.TempDir()}
	if dir := os.Getenv("SCREENSHOTS"); dir != "" {
		b.shots = dir
	}
	if path := os.Getenv("AXE"); path != "" {
		program, err := os.ReadFile(path)
		require.NoError(t, err)
		b.axe = string(program)
	}
	require.NoError(t, chromedp.Do(ctx, chromedp.EmulateViewport(s.width, s.height)))
	return b
}

// do has the browser do something, which it must be able to do soon.
func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	require.NoError(b.t, chromedp.Do(ctx, actions...))
}

// evaluate reads something from the page. It may be asked while the browser goes to another page, and is then asked again.
func evaluate[T any](b *tab, script string) T {
	b.t.Helper()
	var value T
	require.EventuallyWithT(b.t, func(c *assert.CollectT) {
		var err error
		value, err = ask[T](b, script)
		assert.NoError(c, err)
	}, 10*time.Second, 50*time.Millisecond)
	return value
}

func ask[T any](b *tab, script string) (T, error) {
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
}

// focused is what stands on the element that has the focus, or its label.
func (b *tab) focused() string {
	b.t.Helper()
	return evaluate[string](b, `(() => {
		const e = document.activeElement
		return ((e.labels && e.labels[0] || e).textContent || e.tagName).replace(/\s+/g, " ").trim()
	})()`)
}

// comesTo waits until the focus is there, because a link within the page has been followed.
func (b *tab) comesTo(name string) {
	b.t.Helper()
	require.Eventually(b.t, func() bool { return b.focused() == name }, 10*time.Second, 10*time.Millisecond, name)
}

// tabs presses the tabulator key once for each of these, and asserts that the focus goes there.
func (b *tab) tabs(to ...string) {
	b.t.Helper()
	for _, name := range to {
		b.do(chromedp.KeyEvent(kb.Tab))
		require.Equal(b.t, name, b.focused())
		outline := evaluate[string](b, `getComputedStyle(document.activeElement).outlineStyle`)
		assert.NotEqual(b.t, "none", outline, "the focus on %s can be seen", name)
	}
}

func (b *tab) tabsTo(name string) {
	b.t.Helper()
	for b.focused() != name {
		b.do(chromedp.KeyEvent(kb.Tab))
		require.NotEqual(b.t, "BODY", b.focused())
	}
}

// back is tabs the other way.
func (b *tab) back(to ...string) {
	b.t.Helper()
	for _, name := range to {
		b.do(chromedp.KeyEvent(kb.Tab, chromedp.KeyModifiers(chromedp.ModifierShift)))
		require.Equal(b.t, name, b.focused())
	}
}

func (b *tab) types(text string) { b.t.Helper(); b.do(chromedp.KeyEvent(text)) }

// enter presses the key. That of chromedp comes as two keys where the first moves the focus.
func (b *tab) enter() {
	b.t.Helper()
	for _, kind := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeKeyDown, input.DispatchKeyEventTypeKeyUp} {
		event := input.DispatchKeyEventParams{Type: kind, Key: "Enter", Code: "Enter", WindowsVirtualKeyCode: 13}
		if kind == input.DispatchKeyEventTypeKeyDown {
			event.Text = "\r"
		}
		ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
		_, err := chromedp.Call(ctx, input.DispatchKeyEvent, event)
		cancel()
		require.NoError(b.t, err)
	}
}

// at waits until the page has this title, which begins with "Error: " when a form was not right, and examines it.
func (b *tab) at(title string) {
	b.t.Helper()
	b.come(`document.readyState === "complete" ? document.title.split(" – ")[0] : ""`, title)
	b.examine(title)
}

// enterTo presses the enter key, which leads to the page with this title.
func (b *tab) enterTo(title string) {
	b.t.Helper()
	b.enter()
	b.at(title)
}

// follow presses the tabulator key as tabs does, and then the enter key, which leads to the page with this title.
func (b *tab) follow(title string, to ...string) {
	b.t.Helper()
	b.tabs(to...)
	b.enterTo(title)
}

// fillIn fills in the form to log in.
func (b *tab) fillIn(loginID, password string) {
	b.t.Helper()
	b.tabs(skipLink, "Login ID")
	b.types(loginID)
	b.tabs("Password")
	b.types(password)
}

// passing waits until the page has this title, on the way to another: it may be gone before it can be examined.
func (b *tab) passing(title string) {
	b.t.Helper()
	b.come(`document.title.split(" – ")[0]`, title)
	b.picture(title, "light")
}

func (b *tab) come(script, title string) {
	b.t.Helper()
	b.step++
	var is string
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		var err error
		if is, err = ask[string](b, script); err == nil && is == title {
			return
		}
	}
	text, _ := ask[string](b, `document.body.innerText`)
	b.picture("instead of "+title, "light")
	require.Equal(b.t, title, is, text)
}

// facts are what a page can be held to.
type facts struct {
	Headings          []string
	Lang              string
	Scroll, Width     int
	Unlabelled, Small []string
}

// examine holds the page to what every page promises, in both colour schemes.
func (b *tab) examine(title string) {
	b.t.Helper()
	page := evaluate[facts](b, `({
		Headings: [...document.querySelectorAll("h1")].map(e => e.innerText),
		Lang: document.documentElement.lang,
		Scroll: document.documentElement.scrollWidth,
		Width: document.documentElement.clientWidth,
		Unlabelled: [...document.querySelectorAll("input:not([type=hidden]), select, textarea")]
			.filter(e => ![...e.labels].some(l => l.innerText.trim())).map(e => e.outerHTML),
		Small: [...document.querySelectorAll("button, a.button, input:not([type=hidden])")]
			.filter(e => e.getBoundingClientRect().height < 40).map(e => e.outerHTML),
	})`)
	assert.Equal(b.t, []string{strings.TrimPrefix(title, "Error: ")}, page.Headings)
	assert.Equal(b.t, "en", page.Lang)
	assert.LessOrEqual(b.t, page.Scroll, page.Width, "%s scrolls sideways", title)
	assert.Empty(b.t, page.Unlabelled)
	assert.Empty(b.t, page.Small, "what a finger cannot press")
	for _, scheme := range []string{"dark", "light"} {
		_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		require.NoError(b.t, err)
		b.picture(title, scheme)
		b.runAxe(title + ", " + scheme)
	}
}

func (b *tab) picture(title, scheme string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Log("no picture of", title, err) // the browser has gone on
		return
	}
	name := fmt.Sprintf("%s-%02d-%s-%s.png", b.screen.name, b.step,
		regexp.MustCompile(`[^a-z]+`).ReplaceAllString(strings.ToLower(title), "-"), scheme)
	require.NoError(b.t, os.WriteFile(filepath.Join(b.shots, name), picture, 0o600))
}

type findings struct {
	Passes     int
	Violations []string
}

// runAxe looks for what axe-core finds wrong with the page.
func (b *tab) runAxe(what string) {
	b.t.Helper()
	if b.axe == "" {
		return
	}
	found := evaluate[findings](b, b.axe+`; axe.run({preload: false}).then(r => ({
		Passes: r.passes.length,
		Violations: r.violations.map(v => v.id + ": " + v.nodes.map(n => n.html + " " + n.failureSummary).join("; ")),
	}))`)
	assert.Empty(b.t, found.Violations, what)
	assert.Greater(b.t, found.Passes, 10, "it has looked at something")
}
