;;; A small event loop: tasks are delimited continuations, and select(2) watches descriptors.
;;; (With guile-fibers at hand, a fiber that reads from the descriptor's port takes its place.)

(define-module (abio loop)
  #:use-module (ice-9 match)
  #:use-module (ice-9 q)
  #:use-module (ice-9 receive)
  #:use-module (srfi srfi-1)
  #:use-module (srfi srfi-9)
  #:export (make-future future-done? resolve! fail! spawn await later after watch! unwatch! run))

(define-record-type <future>
  (%make-future result waiting)
  future?
  (result future-result set-future-result!)     ; #f, or a thunk that gives or raises it
  (waiting future-waiting set-future-waiting!)) ; thunks

(define (make-future) (%make-future #f '()))
(define (future-done? future) (and (future-result future) #t))

(define (finish! future result)
  (set-future-result! future result)
  (for-each later (reverse (future-waiting future)))
  (set-future-waiting! future '()))

(define (resolve! future value) (finish! future (lambda () value)))
(define (fail! future exception) (finish! future (lambda () (raise-exception exception))))

;;; Tasks.

(define tag (make-prompt-tag "task"))
(define ready (make-q))

(define (later thunk)
  "THUNK runs in the loop's next turn."
  (enq! ready thunk))

(define (run-task thunk)
  (call-with-prompt tag thunk
    (lambda (rest future)
      (set-future-waiting! future (cons (lambda () (run-task rest)) (future-waiting future))))))

(define (await future)
  "The future's value, or its exception; other tasks run meanwhile."
  (unless (future-done? future)
    (abort-to-prompt tag future))
  ((future-result future)))

(define (spawn thunk)
  "A task of its own, and the future of its value."
  (let ((future (make-future)))
    (later (lambda ()
             (run-task
              (lambda ()
                (with-exception-handler
                    (lambda (exception) (fail! future exception))
                  (lambda () (resolve! future (thunk)))
                  #:unwind? #t)))))
    future))

;;; Time and descriptors.

(define timers '())  ; (time . future)
(define watched '()) ; (fd . thunk)

(define (now) (/ (get-internal-real-time) internal-time-units-per-second))

(define (after seconds)
  "A future that is done when so much time has passed."
  (let ((future (make-future)))
    (set! timers (acons (+ (now) seconds) future timers))
    future))

(define (watch! fd thunk) (set! watched (acons fd thunk watched)))
(define (unwatch! fd) (set! watched (alist-delete fd watched)))

(define (select-readable timeout)
  "Those of the watched descriptors that are readable."
  (catch 'system-error
    (lambda ()
      (let ((seconds (and timeout (inexact->exact (floor timeout)))))
        (car (select (map car watched) '() '() seconds
                     (if timeout (inexact->exact (ceiling (* 1e6 (- timeout seconds)))) 0)))))
    (lambda arguments
      ;; A signal, or io_uring on its behalf, may interrupt any wait.
      (if (= (system-error-errno arguments) EINTR)
          '()
          (apply throw arguments)))))

(define (turn)
  "Waits for descriptors and timers, but only when no task can go on, then runs those that can."
  (let* ((next (and (pair? timers) (apply min (map car timers))))
         (timeout (cond ((not (q-empty? ready)) 0)
                        (next (max 0 (- next (now))))
                        (else #f))))
    (for-each (lambda (fd) (and=> (assv-ref watched fd) (lambda (thunk) (thunk))))
              (select-readable timeout)))
  (let ((time (now)))
    (receive (due rest) (partition (lambda (timer) (<= (car timer) time)) timers)
      (set! timers rest)
      (for-each (match-lambda ((_ . future) (resolve! future #t))) due)))
  ;; What these make ready waits for the next turn.
  (let loop ((count (q-length ready)))
    (unless (zero? count)
      ((deq! ready))
      (loop (1- count)))))

(define (run thunk)
  "Runs THUNK as a task, and the loop until it has ended."
  (let ((future (spawn thunk)))
    (let loop ()
      (unless (future-done? future)
        (turn)
        (loop)))
    (await future)))
