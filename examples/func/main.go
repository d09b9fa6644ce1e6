// The program func adds up its arguments in a private child, which may crash as
// it likes:
//
//	$ go run ./examples/func 1 2 3
//	6
//	the child: exit status 0
//	$ go run ./examples/func 1 two
//	panic: strconv.Atoi: parsing "two": invalid syntax
//	...
//	the child: exit status 2
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strconv"

	"github.com/wardproc/ward"
)

var sum = ward.Func("sum", func(args []string) int {
	total := 0
	for _, arg := range args {
		n, err := strconv.Atoi(arg)
		if err != nil {
			panic(err)
		}
		total += n
	}
	fmt.Println(total)
	return 0
})

func main() {
	ward.Main() // the child goes no further
	h, err := sum.Start(&ward.Attr{Files: []*os.File{nil, os.Stdout, os.Stderr}}, os.Args[1:]...)
	if err != nil {
		log.Fatal(err)
	}
	state, err := h.Wait(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("the child:", state)
}
