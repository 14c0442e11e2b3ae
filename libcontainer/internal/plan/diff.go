package plan

import (
	"strconv"
	"strings"
)

// Lines are the steps as WriteText prints them, but without their numbers, which
// one step more would change for all that follow.
func (p *Plan) Lines() []string {
	lines := []string{"container " + quoteIfNeeded(p.ID), "bundle " + quoteIfNeeded(p.Bundle), "rootfs " + quoteIfNeeded(p.Rootfs), "runtime:"}
	add := func(text, origin string) {
		if origin != "" {
			text += "    # " + origin
		}
		lines = append(lines, "  "+text)
	}
	for _, s := range p.Runtime {
		add(ActionLine(s.Do), s.Origin)
	}
	lines = append(lines, "init:")
	for _, o := range p.Init {
		add(Line(o.Op), o.Origin)
	}
	return lines
}

// Diff is how the steps of b differ from those of a, in the unified form of
// diff(1), with three lines of context and the half of the plan behind each @@;
// "" when they do not. The names head it.
func Diff(a, b *Plan, nameA, nameB string) string {
	x, y := a.Lines(), b.Lines()
	script := edits(x, y)
	var out strings.Builder
	const context = 3
	i, j := 0, 0 // lines of x and y so far
	for k := 0; k < len(script); {
		if script[k] == ' ' {
			i, j, k = i+1, j+1, k+1
			continue
		}
		before := min(context, i, j)
		end := hunkEnd(script, k, context)
		if out.Len() == 0 {
			out.WriteString("--- " + nameA + "\n+++ " + nameB + "\n")
		}
		i, j = i-before, j-before
		hunk := script[k-before : end]
		out.WriteString("@@ -" + span(i, len(hunk)-strings.Count(hunk, "+")) + " +" + span(j, len(hunk)-strings.Count(hunk, "-")) + " @@" + half(x, i+before) + "\n")
		for _, c := range hunk {
			switch c {
			case '+':
				out.WriteString("+" + y[j] + "\n")
				j++
			case '-':
				out.WriteString("-" + x[i] + "\n")
				i++
			default:
				out.WriteString(" " + x[i] + "\n")
				i, j = i+1, j+1
			}
		}
		k = end
	}
	return out.String()
}

// span is a range of lines as diff(1) writes it.
func span(from, n int) string {
	if n == 0 {
		return strconv.Itoa(from) + ",0"
	}
	return strconv.Itoa(from+1) + "," + strconv.Itoa(n)
}

// half names the half of the plan that line i is in.
func half(lines []string, i int) string {
	for i = min(i, len(lines)) - 1; i >= 0; i-- {
		if strings.HasSuffix(lines[i], ":") && !strings.HasPrefix(lines[i], " ") {
			return " " + strings.TrimSuffix(lines[i], ":")
		}
	}
	return ""
}

// hunkEnd is where the hunk ends that begins with the change at k: behind the
// context of the last change that has no more than twice that before the next.
func hunkEnd(script string, k, context int) int {
	last := k
	for i := k; i < len(script) && i-last <= 2*context; i++ {
		if script[i] != ' ' {
			last = i
		}
	}
	return min(last+1+context, len(script))
}

// edits is the shortest way from x to y: a blank for a line of both, - for one of
// x and + for one of y, removals first. It takes time and space of the product of
// the lengths, which for plans is a small number.
func edits(x, y []string) string {
	common := make([][]int32, len(x)+1) // length of the longest common part of what is left
	for i := range common {
		common[i] = make([]int32, len(y)+1)
	}
	for i := len(x) - 1; i >= 0; i-- {
		for j := len(y) - 1; j >= 0; j-- {
			if x[i] == y[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var script []byte
	i, j := 0, 0
	for i < len(x) || j < len(y) {
		switch {
		case i < len(x) && j < len(y) && x[i] == y[j]:
			script = append(script, ' ')
			i, j = i+1, j+1
		case j == len(y) || i < len(x) && common[i+1][j] >= common[i][j+1]:
			script = append(script, '-')
			i++
		default:
			script = append(script, '+')
			j++
		}
	}
	return string(script)
}
