package main

import (
	"fmt"
	"strconv"
)

// edge is how many creates at the beginning and at the end of the held containers are compared.
const edge = 20

// hold creates n containers that wait, and measures what the last ones cost beside the first, and what it costs to list
// them all.
func (b *bench) hold(n int) (err error) {
	ids := make([]string, 0, n)
	defer func() {
		for _, id := range ids {
			if e := b.plain("delete", "--force", id); e != nil && err == nil {
				err = e
			}
		}
	}()
	for i := range n {
		id := fmt.Sprintf("bench-%s-held-%d", b.rt.Name, i)
		s, err := b.command("create", "--bundle", b.quick, id)
		if err != nil {
			return err
		}
		ids = append(ids, id)
		switch {
		case i < edge:
			b.keep("create, first "+strconv.Itoa(edge), s)
		case i >= n-edge:
			b.keep(fmt.Sprintf("create, last %d of %d", edge, n), s)
		}
	}
	for range 5 {
		s, err := b.command("list")
		if err != nil {
			return err
		}
		b.keep(fmt.Sprintf("list of %d", n), s)
	}
	return nil
}

// heldOps is the rows that hold makes.
func heldOps(n int) []string {
	return []string{"create, first " + strconv.Itoa(edge), fmt.Sprintf("create, last %d of %d", edge, n), fmt.Sprintf("list of %d", n)}
}
