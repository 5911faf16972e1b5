// Package basiqtest plays the Basiq API, so that a program which uses it can be tested with no network, no API key and
// no waiting.
//
//	sandbox := basiqtest.New(t)
//	response, err := sandbox.HTTPClient().Get(sandbox.URL() + "/jobs/unknown")
//
// A [Sandbox] keeps users, connections and jobs in memory and answers as Basiq's documents say: with the test banks
// and test users of Basiq's own sandbox, jobs whose steps take their time, challenges for a second factor, tokens that
// expire and errors in the documented envelope. Where the documents are silent it does what is plausible, and a comment
// in the code says so. The operations of the contract that it does not play yet are refused with 501, whose detail names
// them.
//
// # Banks
//
// AU00000 (Hooli) and AU00004 (HooliGov) ask for no second factor, AU00002 (Pied Piper) always does, AU00003 (Nucleus)
// does in every other job of a connection, beginning with the first. Each test user can connect to each bank.
//
// # Test users
//
// The login and password of each are those of Basiq's documents: Wentworth-Smith (whislter), Whistler (ShowBox),
// Gilfoyle (PiedPiper), gavinBelson (hooli2016), jared (django), richard (tabsnotspaces), laurieBream (business2024)
// and ashMann (hooli2024). Three always fail: bighead (password) in verify-credentials with invalid-credentials, erlich
// (aviato) in retrieve-accounts with account-not-accessible-requires-user-action, and jianYang (nothotdog) in
// retrieve-accounts with service-unavailable. Any other login or password fails in verify-credentials with
// invalid-credentials.
//
// To the question of jared and richard the answer is 1234, to that of Gilfoyle and gavinBelson it is Hooli, to the two
// of Whistler and Wentworth-Smith they are Basiq and the bank's id (or AU00000). Answers are compared exactly. The
// other test users are never asked: their step is skipped.
//
// # Time
//
// A job takes between 6 and 17 seconds, the same for the same login every time; [Speed] divides that. Nothing happens
// in the background: what a job has come to is worked out from the clock when somebody asks. Inside a bubble of
// [testing/synctest] the clock is the bubble's, and a sandbox that [New] made there works on it.
package basiqtest
