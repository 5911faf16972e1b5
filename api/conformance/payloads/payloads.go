// Package payloads generates the JSON responses for benchmarks. They contain every field of the models and, like Basiq's
// responses, no white space. Accounts, institutions and the forty merchants repeat, as they do at a bank. IDs, amounts,
// descriptions and links differ.
package payloads

import (
	"bytes"
	_ "embed" // for the templates
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// The templates of the payloads. ${name} is replaced by the value of a name.
var (
	//go:embed testdata/transaction.json
	transactionJSON string
	//go:embed testdata/account.json
	accountJSON string
	//go:embed testdata/connection.json
	connectionJSON string
	//go:embed testdata/job.json
	jobJSON string
	//go:embed testdata/done.json
	doneJSON string
)

// Accounts is the number of accounts of a connection.
const Accounts = 3

const merchants = 40

// Transactions returns a page of count transactions of the accounts of one connection. next is the URL of the next page, or "".
func Transactions(count int, next string) []byte {
	all := make([][]byte, count)
	for i := range all {
		all[i] = fill(transactionJSON, names(i))
	}
	return fmt.Appendf(nil, `{"type":"list","count":%d,"size":%d,"data":[%s],"links":{"self":"https://au-api.basiq.io/users/6a52015e/transactions?limit=500","next":%q}}`,
		count, 10*count, bytes.Join(all, []byte(",")), next)
}

// Connections returns a list of count connections.
func Connections(count int) []byte {
	all := make([][]byte, count)
	for i := range all {
		all[i] = Connection(i)
	}
	return fmt.Appendf(nil, `{"type":"list","data":[%s],"links":{"self":"https://au-api.basiq.io/users/6a52015e/connections"}}`,
		bytes.Join(all, []byte(",")))
}

// Connection returns a connection with its accounts. Each number produces a different connection.
func Connection(number int) []byte {
	var accounts [Accounts]string
	for i := range accounts {
		accounts[i] = string(fill(accountJSON, names(Accounts*number+i)))
	}
	all := names(number)
	all["connection"] = fmt.Sprintf("%08x-4791-11e8-8750-0a87c0279fe8", 7919*number)
	all["accounts"] = strings.Join(accounts[:], ",")
	return fill(connectionJSON, all)
}

// Job returns a job with steps in all states. Each number produces a different job. Basiq's jobs are smaller.
func Job(number int) []byte { return fill(jobJSON, names(number)) }

// DoneJob returns a job whose steps have all succeeded, the most common case. Each number produces a different job.
func DoneJob(number int) []byte { return fill(doneJSON, names(number)) }

// places holds the categories and addresses of merchants, in the order of placeFields.
var places = [...][9]string{
	{"H", "45", "451", "4511", "5812", "Manly", "NSW", "2095", "E Esplanade"},
	{"G", "41", "411", "4110", "5411", "Fitzroy", "VIC", "3065", "Smith St"},
	{"I", "46", "462", "4622", "4111", "Milton", "QLD", "4064", "Cribb St"},
	{"G", "40", "400", "4000", "5541", "Norwood", "SA", "5067", "The Parade"},
	{"R", "91", "911", "9111", "7997", "Subiaco", "WA", "6008", "Rokeby Rd"},
}

var placeFields = [9]string{"division", "subdivision", "group", "class", "mcc", "suburb", "state", "postcode", "route"}

var titles = map[string]string{
	"H": "Accommodation and Food Services", "G": "Retail Trade", "I": "Transport, Postal and Warehousing", "R": "Arts and Recreation Services",
	"45": "Food and Beverage Services", "41": "Food Retailing", "46": "Road Transport", "40": "Fuel Retailing", "91": "Sports and Recreation Activities",
	"451": "Cafes, Restaurants and Takeaway Food Services", "411": "Supermarket and Grocery Stores", "462": "Road Passenger Transport",
	"400": "Fuel Retailing", "911": "Sports and Physical Recreation Activities",
	"4511": "Cafes and Restaurants", "4110": "Supermarket and Grocery Stores", "4622": "Taxi and Other Road Transport",
	"4000": "Fuel Retailing", "9111": "Health and Fitness Centres and Gymnasia Operation",
}

// names returns the values of the names in the templates. Values that repeat at a bank repeat here.
func names(number int) map[string]string {
	merchant := number * number % merchants
	all := map[string]string{
		"id":         fmt.Sprintf("%08x-4791-11e8-8750-0b87c0279fe8", 7919*number),
		"user":       "6a52015e-4791-11e8-8750-0a87c0279fe8",
		"account":    fmt.Sprintf("%08x-0b12-43ba-a3c1-286dd5f4f396", 31*(number%Accounts)),
		"connection": "1ab2c3d4-4791-11e8-8750-0a87c0279fe8",
		"merchant":   fmt.Sprintf("Garfish %c", 'A'+merchant%26),
		"number":     strconv.Itoa(10 + merchant),
		"digits":     fmt.Sprintf("%04d", 77*number%10_000),
		"card":       fmt.Sprintf("xx%04d", 1234+number%Accounts),
		"reference":  fmt.Sprintf("%010d", 104_729*number),
		"cents":      fmt.Sprintf("%d.%02d", 1+13*number%400, 37*number%100),
		"balance":    fmt.Sprintf("%d.%02d", 100_000-13*number, 61*number%100),
		"day":        fmt.Sprintf("2018-%02d-%02d", 12-number/50%12, 28-number/2%28),
	}
	for i, value := range places[merchant%len(places)] {
		all[placeFields[i]] = value
		all[placeFields[i]+"Title"] = titles[value]
	}
	return all
}

// fill replaces the names in a template and removes white space.
func fill(text string, names map[string]string) []byte {
	var compact bytes.Buffer
	err := json.Compact(&compact, []byte(os.Expand(text, func(name string) string {
		value, known := names[name]
		if !known {
			panic("unknown name " + name)
		}
		return value
	})))
	if err != nil {
		panic(err)
	}
	return compact.Bytes()
}
