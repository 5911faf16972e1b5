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

// chromium returns the path of the browser: the value of CHROMIUM, or a browser in PATH. Without a browser the test is skipped,
// unless BROWSER_TESTS is "required".
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
	message := "no browser found: install chromium or set CHROMIUM; searched for " + strings.Join(names, ", ")
	if os.Getenv("BROWSER_TESTS") == "required" {
		t.Fatal(message)
	}
	t.Skip(message)
	return ""
}

// startExample builds the example, runs it on a free port until the test ends, and returns its URL.
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
		t.Fatal("the example did not print its URL")
		return ""
	}
}

// screen is the screen size of a browser.
type screen struct {
	name          string
	width, height int64
}

// tab is a browser tab that is controlled only by the keyboard.
type tab struct {
	t      *testing.T
	ctx    context.Context //nolint:containedctx // chromedp represents the browser by a context.
	screen screen
	shots  string // directory of the screenshots
	axe    string // source of axe-core, or "" if it is not available
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

// do executes actions in the browser, with a timeout.
func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	require.NoError(b.t, chromedp.Do(ctx, actions...))
}

// evaluate returns the value of a script on the page. It retries, because the script fails while the browser loads another page.
func evaluate[T any](b *tab, script string) T {
	b.t.Helper()
	var value T
	require.EventuallyWithT(b.t, func(c *assert.CollectT) {
		var err error
		value, err = tryEvaluate[T](b, script)
		assert.NoError(c, err)
	}, 10*time.Second, 50*time.Millisecond)
	return value
}

func tryEvaluate[T any](b *tab, script string) (T, error) {
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
}

// focused returns the text or the label of the focused element.
func (b *tab) focused() string {
	b.t.Helper()
	return evaluate[string](b, `(() => {
		const e = document.activeElement
		return ((e.labels && e.labels[0] || e).textContent || e.tagName).replace(/\s+/g, " ").trim()
	})()`)
}

// comesTo waits until an element is focused, after a link within the page was followed.
func (b *tab) comesTo(name string) {
	b.t.Helper()
	require.Eventually(b.t, func() bool { return b.focused() == name }, 10*time.Second, 10*time.Millisecond, name)
}

// tabs presses the Tab key once for each name and checks that the element with that name is focused.
func (b *tab) tabs(to ...string) {
	b.t.Helper()
	for _, name := range to {
		b.do(chromedp.KeyEvent(kb.Tab))
		require.Equal(b.t, name, b.focused())
		outline := evaluate[string](b, `getComputedStyle(document.activeElement).outlineStyle`)
		assert.NotEqual(b.t, "none", outline, "the focus on %s must be visible", name)
	}
}

func (b *tab) tabsTo(name string) {
	b.t.Helper()
	for b.focused() != name {
		b.do(chromedp.KeyEvent(kb.Tab))
		require.NotEqual(b.t, "BODY", b.focused())
	}
}

// back is tabs with Shift+Tab.
func (b *tab) back(to ...string) {
	b.t.Helper()
	for _, name := range to {
		b.do(chromedp.KeyEvent(kb.Tab, chromedp.KeyModifiers(chromedp.ModifierShift)))
		require.Equal(b.t, name, b.focused())
	}
}

func (b *tab) types(text string) { b.t.Helper(); b.do(chromedp.KeyEvent(text)) }

// enter presses Enter. chromedp's own key event arrives as two keys if the first one moves the focus.
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

// at waits until the page has the title, which starts with "Error: " if a form was invalid, and examines the page.
func (b *tab) at(title string) {
	b.t.Helper()
	b.come(`document.readyState === "complete" ? document.title.split(" – ")[0] : ""`, title)
	b.examine(title)
}

// enterTo presses Enter, which must lead to the page with the title.
func (b *tab) enterTo(title string) {
	b.t.Helper()
	b.enter()
	b.at(title)
}

// follow presses Tab as tabs does, and then Enter, which must lead to the page with the title.
func (b *tab) follow(title string, to ...string) {
	b.t.Helper()
	b.tabs(to...)
	b.enterTo(title)
}

// fillIn fills in the login form.
func (b *tab) fillIn(loginID, password string) {
	b.t.Helper()
	b.tabs(skipLink, "Login ID")
	b.types(loginID)
	b.tabs("Password")
	b.types(password)
}

// passing waits until the page has the title. It does not examine the page, which may be replaced at any time.
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
		if is, err = tryEvaluate[string](b, script); err == nil && is == title {
			return
		}
	}
	text, _ := tryEvaluate[string](b, `document.body.innerText`)
	b.picture("instead of "+title, "light")
	require.Equal(b.t, title, is, text)
}

// facts are the properties of a page that examine checks.
type facts struct {
	Headings          []string
	Lang              string
	Scroll, Width     int
	Unlabelled, Small []string
}

// examine checks the requirements for every page in both color schemes.
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
	assert.Empty(b.t, page.Small, "controls that are too small for touch")
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
		b.t.Log("no screenshot of", title, err) // the browser has loaded another page
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

// runAxe checks the page with axe-core.
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
	assert.Greater(b.t, found.Passes, 10, "axe-core must have run some checks")
}
