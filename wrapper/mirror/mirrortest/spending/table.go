package main

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/basiq-go/basiq-go/wrapper/mirror"
)

// spending is the query of the table. The view contains accounts that were linked again only once.
const spending = `SELECT substr(CAST(day AS TEXT), 1, 7) AS month, category, SUM(-amount_minor)
FROM basiq_counted_transaction
WHERE user_id IN (?, ?, ?) AND direction = 'debit' AND status = 'posted' AND class NOT IN ('transfer', 'loan-repayment')
GROUP BY 1, 2`

const columns = 5

// printSpending prints the table of months and categories, and the categories of the year.
func printSpending(ctx context.Context, db *sql.DB, dialect mirror.Dialect, people []*person) error {
	query := spending
	if dialect == mirror.PostgreSQL {
		for n := range people {
			query = strings.Replace(query, "?", "$"+strconv.Itoa(n+1), 1)
		}
	}
	rows, err := db.QueryContext(ctx, query, people[0].userID, people[1].userID, people[2].userID)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	cells := map[string]map[string]int64{}
	months, categories := map[string]int64{}, map[string]int64{}
	for rows.Next() {
		var month, category string
		var cents int64
		if err := rows.Scan(&month, &category, &cents); err != nil {
			return err
		}
		if category == "" {
			category = "Not categorised"
		}
		if cells[month] == nil {
			cells[month] = map[string]int64{}
		}
		cells[month][category] += cents
		months[month] += cents
		categories[category] += cents
	}
	if err := rows.Err(); err != nil {
		return err
	}
	ordered := slices.SortedFunc(maps.Keys(categories), func(a, b string) int { return int(categories[b] - categories[a]) })
	top := ordered[:min(columns, len(ordered))]
	b := newBars()
	fmt.Print("\nSpending by month and category, in dollars\n\n  month  ")
	for _, category := range top {
		fmt.Printf("  %14s", short(category, 14))
	}
	fmt.Printf("  %9s  %9s\n", "other", "total")
	largest := slices.Max(slices.Collect(maps.Values(months)))
	for _, month := range slices.Sorted(maps.Keys(months)) {
		fmt.Printf("  %s", month)
		rest := months[month]
		for _, category := range top {
			fmt.Printf("  %14s", dollars(cells[month][category]))
			rest -= cells[month][category]
		}
		fmt.Printf("  %9s  %9s  %s\n", dollars(rest), dollars(months[month]), b.bar(months[month], largest, 24))
	}
	fmt.Print("\nSpending of the year by category\n\n")
	for _, category := range ordered[:min(12, len(ordered))] {
		fmt.Printf("  %-34s  %9s  %s\n", short(category, 34), dollars(categories[category]), b.bar(categories[category], categories[ordered[0]], 40))
	}
	return nil
}

// bars draws bars: in color on a terminal, else of plain characters.
type bars struct{ before, block, after string }

func newBars() bars {
	if info, err := os.Stdout.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("NO_COLOR") == "" {
		return bars{"\x1b[36m", "█", "\x1b[0m"}
	}
	return bars{"", "#", ""}
}

func (b bars) bar(value, largest int64, width int) string {
	if value <= 0 || largest <= 0 {
		return ""
	}
	return b.before + strings.Repeat(b.block, max(1, int(value*int64(width)/largest))) + b.after
}

// dollars returns an amount in whole dollars, with commas.
func dollars(cents int64) string {
	text := strconv.FormatInt((cents+50)/100, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// short returns the beginning of a text.
func short(text string, width int) string {
	if runes := []rune(text); len(runes) > width {
		return string(runes[:width-1]) + "."
	}
	return text
}
