// Command tally reads the output of go test -json and counts. It prints what
// failed, with its output; -total adds everything up, compares what was skipped
// with the budget, and ends with the line "N passed, N failed, N skipped".
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
)

type event struct {
	Action, Package, Test, Output string
}

type count struct{ passed, failed, skipped int }

func main() {
	leg := flag.String("leg", "", "name of the leg")
	total := flag.Bool("total", false, "add up, and judge")
	tap := flag.String("tap", "", "a file of ok and not ok lines that counts too")
	budget := flag.String("budget", "", "file whose line \"HOST total N\", or \"all total N\", bounds what may be skipped")
	host := flag.String("host", "", "code name of the host's Debian release, for -budget")
	flag.Parse()

	var c count
	for _, file := range flag.Args() {
		if err := c.add(file, !*total); err != nil {
			fmt.Fprintln(os.Stderr, "tally:", err)
			c.failed++
		}
	}
	if !*total {
		fmt.Printf("%s: %d passed, %d failed, %d skipped\n", *leg, c.passed, c.failed, c.skipped)
		return
	}
	if *tap != "" {
		c.addTap(*tap)
	}
	over := false
	if allowed, ok := allowance(*budget, *host); ok && c.skipped > allowed {
		fmt.Printf("%d tests are skipped, and %s allows %d\n", c.skipped, *budget, allowed)
		over = true
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", c.passed, c.failed, c.skipped)
	if c.failed > 0 || over || c.passed == 0 {
		os.Exit(1)
	}
}

// add counts tests; sub-tests count, and their parents do not.
func (c *count) add(file string, show bool) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	output := map[string][]string{}
	result := map[string]string{}
	parents := map[string]bool{}
	var order []string
	s := bufio.NewScanner(f)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		var e event
		if json.Unmarshal(s.Bytes(), &e) != nil {
			continue
		}
		key := e.Package + " " + e.Test
		switch e.Action {
		case "output", "build-output":
			output[key] = append(output[key], e.Output)
		case "pass", "fail", "skip":
			if e.Test == "" && e.Action != "fail" {
				continue
			}
			if i := strings.LastIndexByte(e.Test, '/'); i >= 0 {
				parents[e.Package+" "+e.Test[:i]] = true
			}
			result[key] = e.Action
			order = append(order, key)
		}
	}
	failedIn := map[string]bool{}
	for _, key := range order {
		pkg, test, _ := strings.Cut(key, " ")
		if parents[key] && result[key] != "fail" {
			continue
		}
		switch result[key] {
		case "pass":
			c.passed++
		case "skip":
			c.skipped++
			if show {
				fmt.Printf("skip %s: %s\n", test, strings.TrimSpace(last(output[key], 2)))
			}
		case "fail":
			if test == "" && failedIn[pkg] {
				continue // said already by its tests
			}
			failedIn[pkg] = true
			c.failed++
			if show {
				fmt.Printf("FAIL %s\n%s", key, last(output[key], 40))
			}
		}
	}
	return s.Err()
}

func last(lines []string, n int) string { return strings.Join(lines[max(0, len(lines)-n):], "") }

func (c *count) addTap(file string) {
	b, err := os.ReadFile(file)
	if err != nil {
		c.failed++
		return
	}
	for line := range strings.SplitSeq(string(b), "\n") {
		switch {
		case strings.HasPrefix(line, "ok ") && strings.Contains(line, "# SKIP"):
			c.skipped++
		case strings.HasPrefix(line, "ok "):
			c.passed++
		case strings.HasPrefix(line, "not ok "):
			c.failed++
		}
	}
}

// allowance reads the budget: the line "HOST total N" of the host's release, or the line "all total N". The other lines
// belong to the integration tests, which hold themselves to them.
func allowance(file, host string) (allowed int, ok bool) {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	for line := range strings.SplitSeq(string(b), "\n") {
		f := strings.Fields(line)
		if len(f) < 3 || f[1] != "total" || (f[0] != "all" && f[0] != host) {
			continue
		}
		n, err := strconv.Atoi(f[2])
		if err != nil {
			return 0, false
		}
		if f[0] == host {
			return n, true
		}
		allowed, ok = n, true
	}
	return allowed, ok
}
