// Package misspelt finds the name that a wrong one was probably meant to be.
package misspelt

// maxLength bounds the names that are compared.
const maxLength = 64

// Nearest returns the candidate that name is most likely a misspelling of, ""
// if none is near: at most a third of its letters may differ.
func Nearest(name string, candidates []string) string {
	best, limit := "", max(1, len(name)/3)+1
	for _, c := range candidates {
		if len(c) >= maxLength || len(name) >= maxLength {
			continue
		}
		if d := distance(name, c); d < limit {
			best, limit = c, d
		}
	}
	return best
}

// distance is the number of insertions, deletions and substitutions of letters, and of neighbours that have changed
// places, between a and b, case apart. Both are shorter than maxLength.
func distance(a, b string) int {
	var rows [3][maxLength]int
	last, row, next := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		row[j] = j
	}
	for i := range len(a) {
		next[0] = i + 1
		for j := range len(b) {
			cost := row[j]
			if lower(a[i]) != lower(b[j]) {
				cost++
			}
			if i > 0 && j > 0 && lower(a[i]) == lower(b[j-1]) && lower(a[i-1]) == lower(b[j]) {
				cost = min(cost, last[j-1]+1)
			}
			next[j+1] = min(cost, row[j+1]+1, next[j]+1)
		}
		last, row, next = row, next, last
	}
	return row[len(b)]
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c |= 0x20
	}
	return c
}
