"""The scripted model server over HTTP: what it answers is what the other tests rest on."""

# ruff: noqa: UP031

import http.client
import json
import subprocess
import sys
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHELL_SCHEMA = {"type": "object", "properties": {"command": {"type": "string"}}}


class ModelServerTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.fixtures.model_server",
                "--delta-ms",
                "0",
                "--exit-with-stdin",
            ],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        cls.port = json.loads(cls.process.stdout.readline())["port"]

    @classmethod
    def tearDownClass(cls):
        cls.process.stdin.close()
        cls.process.stdout.close()
        assert cls.process.wait(5) == 0

    def setUp(self):
        self.post("/_reset", {})

    # Requests --------------------------------------------------------------

    def open(self, path, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("POST", path, json.dumps(body))
        self.addCleanup(connection.close)
        return connection

    def post(self, path, body):
        response = self.open(path, body).getresponse()
        return response.status, json.loads(response.read())

    def stream(self, path, body):
        """The payloads of an event stream."""
        response = self.open(path, body).getresponse()
        self.assertEqual(response.getheader("Content-Type"), "text/event-stream")
        lines = response.read().decode().split("\n")
        data = [line[6:] for line in lines if line.startswith("data: ")]
        return [json.loads(item) for item in data if item != "[DONE]"]

    def log(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request("GET", "/_log")
        self.addCleanup(connection.close)
        return json.loads(connection.getresponse().read())

    @staticmethod
    def anthropic(*messages, **more):
        return {
            "model": "m",
            "messages": [
                {"role": "user", "content": text} if isinstance(text, str) else text
                for text in messages
            ],
            **more,
        }

    def answer(self, *messages, **more):
        """The content blocks of a Messages response that does not stream."""
        status, body = self.post("/v1/messages", self.anthropic(*messages, **more))
        self.assertEqual(status, 200, body)
        return body["content"]

    def said(self, *messages, **more):
        return "".join(block["text"] for block in self.answer(*messages, **more))

    # The script ------------------------------------------------------------

    BASH = [{"name": "Bash", "input_schema": SHELL_SCHEMA}]

    def after_call(self, result, *more, prompt="say:one\nbash:ls\nsay:two"):
        return [
            prompt,
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "t", "name": "Bash", "input": {}}],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "t", "content": result},
                    *({"type": "text", "text": text} for text in more),
                ],
            },
        ]

    def test_says_what_the_prompt_says(self):
        self.assertEqual(self.said("please\nsay:first\\nline\nsay: second"), "first\nlinesecond")

    def test_echoes_a_prompt_without_directives(self):
        self.assertEqual(self.said("hello"), "You said: hello")

    def test_ignores_text_that_the_cli_injected(self):
        self.assertEqual(
            self.said(
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "<system-reminder>say:no</system-reminder>"},
                        {"type": "text", "text": "say:yes"},
                    ],
                }
            ),
            "yes",
        )

    def test_calls_the_offered_tool_and_goes_on_after_its_result(self):
        text, call = self.answer("say:one\nbash:ls -la\nsay:two", tools=self.BASH)
        self.assertEqual(text["text"], "one")
        self.assertEqual((call["name"], call["input"]["command"]), ("Bash", "ls -la"))
        self.assertEqual(self.said(*self.after_call("files"), tools=self.BASH), "two")

    def test_repeats_the_result_when_the_script_has_ended(self):
        messages = self.after_call("files", prompt="bash:ls")
        self.assertEqual(self.said(*messages, tools=self.BASH), "done: files")

    def test_joins_calls(self):
        first, second = self.answer("bash:a\n+bash:b\nsay:c", tools=self.BASH)
        self.assertEqual([first["input"]["command"], second["input"]["command"]], ["a", "b"])

    def test_takes_up_a_message_sent_during_a_turn(self):
        reminder = "<system-reminder>New message:\nsay:new\n</system-reminder>"
        self.assertEqual(self.said(*self.after_call("files", reminder)), "new")

    def test_says_when_a_tool_is_missing(self):
        self.assertIn("No tool for ask:", self.said("ask:Why?|A|B", tools=self.BASH))

    def test_looks_up_a_deferred_tool(self):
        call = self.answer("say:x\nplan:", tools=[{"name": "ToolSearch"}])[1]
        self.assertIn("ExitPlanMode", call["input"]["query"])
        messages = [*self.after_call("found", "Tool loaded.", prompt="say:x\nplan:")]
        messages[1]["content"][0]["name"] = "ToolSearch"
        blocks = self.answer(*messages, tools=[{"name": "ToolSearch"}, {"name": "ExitPlanMode"}])
        self.assertEqual([block["name"] for block in blocks], ["ExitPlanMode"])

    def test_makes_paths_absolute(self):
        call = self.answer(
            "write:a/b.txt:text",
            tools=[{"name": "Write"}],
            system="Primary working directory: /home/user/project",
        )
        self.assertEqual(call[0]["input"]["file_path"], "/home/user/project/a/b.txt")

    def test_bad_script_is_a_bad_request(self):
        status, body = self.post("/v1/messages", self.anthropic("slow:many"))
        self.assertEqual((status, body["error"]["type"]), (400, "invalid_request_error"))

    def test_unexpected_request_is_a_bad_request(self):
        status, body = self.post("/v1/messages", {"messages": [{"role": "user"}]})
        self.assertEqual((status, body["type"]), (400, "error"))

    def test_reports_the_usage_it_is_told(self):
        _, body = self.post("/v1/messages", self.anthropic("usage:1000:20\nsay:x"))
        self.assertEqual(
            [body["usage"][key] for key in ("input_tokens", "output_tokens")], [1000, 20]
        )

    def test_answers_a_schema_with_an_example(self):
        schema = {
            "type": "object",
            "properties": {
                "kind": {"enum": ["a", "b"]},
                "score": {"type": "integer", "minimum": 3},
            },
        }
        self.assertEqual(
            json.loads(
                self.said(
                    "anything", output_config={"format": {"type": "json_schema", "schema": schema}}
                )
            ),
            {"kind": "a", "score": 3},
        )

    # Failures --------------------------------------------------------------

    def test_fails(self):
        for status in (400, 401, 429, 500, 529):
            answer = self.post("/v1/messages", self.anthropic("fail:%d" % status))
            self.assertEqual(answer[0], status)

    def test_fails_a_number_of_times(self):
        body = self.anthropic("fail:500:2\nsay:recovered")
        statuses = [self.post("/v1/messages", body)[0] for _ in range(4)]
        self.assertEqual(statuses, [500, 500, 200, 500])

    def test_fails_in_the_stream(self):
        events = self.stream("/v1/messages", self.anthropic("say:x\nfail:529", stream=True))
        self.assertEqual(events[-1]["error"]["type"], "overloaded_error")

    def test_drops_the_connection(self):
        with self.assertRaises((http.client.HTTPException, ConnectionError)):
            self.post("/v1/messages", self.anthropic("drop:"))

    def test_notices_that_the_client_left(self):
        connection = self.open("/v1/messages", self.anthropic("say:x\nhang:", stream=True))
        connection.getresponse().read(10)
        connection.close()
        deadline = time.monotonic() + 5
        while not self.log() and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(self.log()[0]["outcome"], "client_gone")

    def test_is_as_slow_as_asked(self):
        start = time.monotonic()
        self.assertEqual(self.said("slow:3:100"), "token1 token2 token3 ")
        self.assertGreater(time.monotonic() - start, 0.25)

    # The APIs --------------------------------------------------------------

    def test_messages_stream(self):
        events = self.stream(
            "/v1/messages",
            self.anthropic("think:hm\nsay:hello world\nbash:ls", stream=True, tools=self.BASH),
        )
        starts = [
            event["content_block"]["type"]
            for event in events
            if event["type"] == "content_block_start"
        ]
        self.assertEqual(starts, ["thinking", "text", "tool_use"])
        deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
        text = "".join(delta.get("text", "") for delta in deltas)
        arguments = "".join(delta.get("partial_json", "") for delta in deltas)
        self.assertEqual(text, "hello world")
        self.assertEqual(json.loads(arguments)["command"], "ls")
        self.assertEqual(events[-2]["delta"]["stop_reason"], "tool_use")

    def test_responses_stream(self):
        body = {
            "model": "m",
            "stream": True,
            "input": "say:hello\nwrite:a.txt:x\\ny",
            "tools": [{"type": "custom", "name": "apply_patch"}],
        }
        events = self.stream("/v1/responses", body)
        done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
        self.assertEqual(done[0]["content"][0]["text"], "hello")
        self.assertEqual(
            done[1]["input"], "*** Begin Patch\n*** Add File: a.txt\n+x\n+y\n*** End Patch"
        )
        self.assertEqual(events[-1]["response"]["output"], done)

    def test_responses_code_mode(self):
        body = {
            "model": "m",
            "input": [
                {
                    "type": "additional_tools",
                    "tools": [
                        {
                            "type": "namespace",
                            "name": "functions",
                            "tools": [{"type": "custom", "name": "exec"}],
                        }
                    ],
                },
                {
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_text", "text": "bash:ls"}],
                },
            ],
        }
        _, response = self.post("/v1/responses", body)
        call = response["output"][0]
        self.assertEqual((call["type"], call["namespace"]), ("custom_tool_call", "functions"))
        self.assertIn('tools.exec_command({"cmd": "ls"})', call["input"])

    def test_chat_completions_stream(self):
        body = {
            "model": "m",
            "stream": True,
            "messages": [{"role": "user", "content": "say:hello\nbash:ls"}],
            "tools": [{"type": "function", "function": {"name": "bash"}}],
        }
        chunks = self.stream("/v1/chat/completions", body)
        deltas = [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]
        self.assertEqual("".join(delta.get("content", "") for delta in deltas), "hello")
        calls = [delta["tool_calls"][0]["function"] for delta in deltas if "tool_calls" in delta]
        self.assertEqual(calls[0]["name"], "bash")
        arguments = "".join(call["arguments"] for call in calls)
        self.assertEqual(json.loads(arguments)["command"], "ls")

    def test_chat_completions_side_request(self):
        messages = [
            {"role": "system", "content": "You are a title generator."},
            {"role": "user", "content": "fail:500"},
        ]
        _, body = self.post("/v1/chat/completions", {"messages": messages})
        self.assertEqual(body["choices"][0]["message"]["content"], "Scripted title")

    def test_gemini_stream(self):
        body = {
            "contents": [
                {
                    "role": "user",
                    "parts": [
                        {"text": "<session_context>say:no</session_context>"},
                        {"text": "say:hello\nbash:ls"},
                    ],
                }
            ],
            "tools": [{"functionDeclarations": [{"name": "run_shell_command"}]}],
        }
        chunks = self.stream("/v1beta/models/m:streamGenerateContent?alt=sse", body)
        parts = [part for chunk in chunks for part in chunk["candidates"][0]["content"]["parts"]]
        self.assertEqual("".join(part.get("text", "") for part in parts), "hello")
        calls = [part["functionCall"] for part in parts if "functionCall" in part]
        self.assertEqual(calls[0]["args"]["command"], "ls")
        self.assertEqual(chunks[-1]["candidates"][0]["finishReason"], "STOP")

    def test_counts_tokens_and_lists_models(self):
        self.assertIn("input_tokens", self.post("/v1/messages/count_tokens", {})[1])
        self.assertIn("totalTokens", self.post("/v1beta/models/m:countTokens", {})[1])
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request("GET", "/v1/models")
        self.addCleanup(connection.close)
        models = json.loads(connection.getresponse().read())
        self.assertEqual(models["data"][0]["id"], "scripted-model")

    def test_logs_requests(self):
        self.said("say:x", model="some-model")
        entry = self.log()[0]
        self.assertEqual(
            [entry[key] for key in ("model", "prompt", "outcome")],
            ["some-model", "say:x", "complete"],
        )
