// Publishes and asks over NATS with nats.go: a receipt, a streamed answer, a typed refusal.
//
// A streamed reply is a message for each piece, numbered by the header Freshet-Seq; the last one has
// Freshet-Event done, or the headers Nats-Service-Error and Nats-Service-Error-Code.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
)

func setting(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

var tenant = setting("TENANT", "demo")

type refusal struct {
	Error struct {
		Code      string `json:"code"`
		Message   string `json:"message"`
		Retryable bool   `json:"retryable"`
	} `json:"error"`
}

func refused(message *nats.Msg) error {
	if message.Header.Get("Status") == "503" {
		return nats.ErrNoResponders
	}
	if message.Header.Get("Nats-Service-Error-Code") == "" {
		return nil
	}
	var told refusal
	if err := json.Unmarshal(message.Data, &told); err != nil {
		return err
	}
	return fmt.Errorf("%s: %s", told.Error.Code, told.Error.Message)
}

func ask(connection *nats.Conn, question map[string]any, heard func(event string, data []byte)) error {
	question["stream"] = true
	body, err := json.Marshal(question)
	if err != nil {
		return err
	}
	inbox := connection.NewRespInbox()
	replies, err := connection.SubscribeSync(inbox)
	if err != nil {
		return err
	}
	defer replies.Unsubscribe()
	if err := connection.PublishRequest("query."+tenant, inbox, body); err != nil {
		return err
	}
	for expected := 1; ; expected++ {
		message, err := replies.NextMsg(60 * time.Second)
		if err != nil {
			return err
		}
		if err := refused(message); err != nil {
			return err
		}
		if message.Header.Get("Freshet-Seq") != strconv.Itoa(expected) {
			return errors.New("a piece was lost")
		}
		event := message.Header.Get("Freshet-Event")
		heard(event, message.Data)
		if event == "done" {
			return nil
		}
	}
}

func main() {
	log.SetFlags(0)
	connection, err := nats.Connect(setting("NATS_URL", nats.DefaultURL))
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()

	document := []byte(`{"id": "example-13-mill", "text": "The mill at Stone Bridge grinds on Thursdays."}`)
	reply, err := connection.Request("api."+tenant+".publish", document, 30*time.Second)
	if err != nil {
		log.Fatal(err)
	}
	if err := refused(reply); err != nil {
		log.Fatal(err)
	}
	var receipt struct {
		Seq uint64 `json:"seq"`
	}
	if err := json.Unmarshal(reply.Data, &receipt); err != nil {
		log.Fatal(err)
	}

	last := ""
	question := map[string]any{"query": "On which day does the mill grind?", "min_seq": receipt.Seq, "wait_ms": 30000}
	err = ask(connection, question, func(event string, data []byte) {
		fmt.Println(event, len(data), "bytes")
		last = event
	})
	if err != nil || last != "done" {
		log.Fatal("the answer did not end as it should: ", err)
	}

	err = ask(connection, map[string]any{"query": ""}, func(string, []byte) {})
	fmt.Println(err)
	if err == nil {
		log.Fatal("an empty question was answered")
	}
}
